#include <ringmill/io/sim/detail/socket_options.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <iterator>

namespace ringmill::sim::detail {

namespace {

using kind = socket_option::kind;

constexpr int most_buffer = 212992;  // net.core.rmem_max and wmem_max

constexpr socket_option known_options[] = {
    {SOL_SOCKET, SO_REUSEADDR, kind::flag},
    {SOL_SOCKET, SO_REUSEPORT, kind::flag},
    {SOL_SOCKET, SO_KEEPALIVE, kind::flag},
    {SOL_SOCKET, SO_BROADCAST, kind::flag},
    {SOL_SOCKET, SO_NO_CHECK, kind::flag},
    {SOL_SOCKET, SO_LINGER, kind::bytes},
    {SOL_SOCKET, SO_RCVBUF, kind::buffer_size, most_buffer, 2304},
    {SOL_SOCKET, SO_SNDBUF, kind::buffer_size, most_buffer, 4608},
    {IPPROTO_TCP, TCP_NODELAY, kind::flag},
    {IPPROTO_TCP, TCP_KEEPIDLE, kind::number, 7200, 1, 32767},
    {IPPROTO_TCP, TCP_KEEPINTVL, kind::number, 75, 1, 32767},
    {IPPROTO_TCP, TCP_KEEPCNT, kind::number, 9, 1, 127},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, kind::number, 0, 0, INT_MAX},
    {IPPROTO_IP, IP_TTL, kind::number, 64, 1, 255},
    {IPPROTO_IP, IP_MULTICAST_TTL, kind::number, 1, 0, 255},
    {IPPROTO_IP, IP_MULTICAST_LOOP, kind::flag, 1},
    {IPPROTO_IP, IP_MULTICAST_IF, kind::bytes},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, kind::flag},
    {IPPROTO_IPV6, IPV6_V6ONLY, kind::flag},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, kind::number, 64, 0, 255},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, kind::number, 1, 0, 255},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, kind::flag, 1},
    {IPPROTO_IPV6, IPV6_MULTICAST_IF, kind::bytes},
    {IPPROTO_UDP, UDP_SEGMENT, kind::number, 0, 0, 65535},
    {IPPROTO_UDP, UDP_GRO, kind::flag},
};

}  // namespace

std::vector<std::byte> bytes_of(int value) {
  const auto* const start = reinterpret_cast<const std::byte*>(&value);
  return std::vector<std::byte>(start, start + sizeof value);
}

int socket_option::convert(std::span<const std::byte> value, std::vector<std::byte>& kept) const {
  if (what == kind::bytes) {
    kept.assign(value.begin(), value.end());
    return 0;
  }
  int number = 0;
  if (value.size() < sizeof number) return -EINVAL;
  std::memcpy(&number, value.data(), sizeof number);
  if (what == kind::number && (number < least || number > most)) return -EINVAL;
  if (what == kind::flag) number = number != 0 ? 1 : 0;
  if (what == kind::buffer_size) number = std::max(2 * std::min(number, most_buffer), least);
  kept = bytes_of(number);
  return 0;
}

const socket_option* find_socket_option(int level, int option) noexcept {
  const auto* const found =
      std::find_if(std::begin(known_options), std::end(known_options),
                   [&](const socket_option& each) { return each.level == level && each.option == option; });
  return found == std::end(known_options) ? nullptr : found;
}

}  // namespace ringmill::sim::detail
