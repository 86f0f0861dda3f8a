#include <ringmill/io/tcp.hpp>

#include <netinet/tcp.h>

#include <stdexcept>
#include <string>
#include <system_error>

#include <ringmill/io/ring.hpp>

namespace ringmill {

namespace {

int check(int result, const std::string& what) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
  return result;
}

void set_flag(kernel& behind, const fd& socket, int level, int option) {
  const int on = 1;
  check(behind.set_option(socket.number(), level, option, &on, sizeof on), "setsockopt");
}

fd make_socket(kernel& behind, const address& where) {
  fd socket(check(behind.socket(where.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  set_flag(behind, socket, IPPROTO_TCP, TCP_NODELAY);  // inherited by what a listener accepts
  return socket;
}

address local_of(int socket) {
  address where;
  socklen_t length = address::capacity();
  check(ring::current().backend().local_address(socket, where.data(), &length), "getsockname");
  return where;
}

}  // namespace

tcp_stream::connect_awaiter tcp_stream::connect(const address& peer) {
  return connect_awaiter(make_socket(ring::current().backend(), peer), peer);
}

void tcp_stream::shutdown_write() { check(ring::current().backend().shutdown(socket_.number(), SHUT_WR), "shutdown"); }

address tcp_stream::peer() const {
  address where;
  socklen_t length = address::capacity();
  check(ring::current().backend().peer_address(socket_.number(), where.data(), &length), "getpeername");
  return where;
}

address tcp_stream::local() const { return local_of(socket_.number()); }

tcp_listener tcp_listener::bind(std::string_view host, std::uint16_t port, int backlog) {
  const std::optional<address> where = address::parse(host, port);
  if (!where) throw std::invalid_argument("tcp_listener::bind: not an IP address: " + std::string(host));
  kernel& behind = ring::current().backend();
  fd socket = make_socket(behind, *where);
  set_flag(behind, socket, SOL_SOCKET, SO_REUSEADDR);
  check(behind.bind(socket.number(), where->data(), where->size()), "bind " + where->to_string());
  check(behind.listen(socket.number(), backlog), "listen on " + where->to_string());
  return tcp_listener(std::move(socket));
}

address tcp_listener::local() const { return local_of(socket_.number()); }

}  // namespace ringmill
