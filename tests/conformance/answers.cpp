#include "answers.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#include <array>
#include <utility>

namespace conformance {

namespace rm = ringmill;

std::string answer_text(int result) {
  if (result >= 0) return std::to_string(result);
  const char* const name = ::strerrorname_np(-result);
  return name ? name : std::to_string(result);
}

std::string events_text(unsigned events) {
  static constexpr std::array<std::pair<unsigned, const char*>, 7> names = {{{POLLIN, "IN"},
                                                                             {POLLPRI, "PRI"},
                                                                             {POLLOUT, "OUT"},
                                                                             {POLLERR, "ERR"},
                                                                             {POLLHUP, "HUP"},
                                                                             {POLLNVAL, "NVAL"},
                                                                             {POLLRDHUP, "RDHUP"}}};
  std::string text;
  for (const auto& [bit, name] : names) {
    if (events & bit) text += (text.empty() ? "" : "|") + std::string(name);
  }
  return text;
}

std::string address_text(int family, const rm::address& internet, const rm::unix_address& local) {
  if (family == AF_UNIX) return local.is_unnamed() ? "(unnamed)" : local.is_abstract() ? "(abstract)" : "(path)";
  const std::string port = internet.port() == 0 ? "0" : "port";
  return internet.is_v6() ? "[" + internet.host() + "]:" + port : internet.host() + ":" + port;
}

const char* option_name(int level, int option) {
  if (level == SOL_SOCKET) {
    switch (option) {
      case SO_ERROR:
        return "SO_ERROR";
      case SO_TYPE:
        return "SO_TYPE";
      case SO_DOMAIN:
        return "SO_DOMAIN";
      case SO_PROTOCOL:
        return "SO_PROTOCOL";
      case SO_ACCEPTCONN:
        return "SO_ACCEPTCONN";
      case SO_REUSEADDR:
        return "SO_REUSEADDR";
      case SO_REUSEPORT:
        return "SO_REUSEPORT";
      case SO_KEEPALIVE:
        return "SO_KEEPALIVE";
      case SO_BROADCAST:
        return "SO_BROADCAST";
      case SO_RCVBUF:
        return "SO_RCVBUF";
      case SO_SNDBUF:
        return "SO_SNDBUF";
      default:
        break;
    }
  }
  if (level == IPPROTO_TCP && option == TCP_NODELAY) return "TCP_NODELAY";
  if (level == IPPROTO_TCP && option == TCP_KEEPIDLE) return "TCP_KEEPIDLE";
  if (level == IPPROTO_TCP && option == TCP_USER_TIMEOUT) return "TCP_USER_TIMEOUT";
  if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY) return "IPV6_V6ONLY";
  return "option";
}

}  // namespace conformance
