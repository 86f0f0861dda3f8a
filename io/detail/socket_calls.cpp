#include <ringmill/io/detail/socket_calls.hpp>

#include <optional>
#include <stdexcept>

#include <ringmill/io/ring.hpp>

namespace ringmill::detail {

namespace {

kernel& backend() { return ring::current().backend(); }

}  // namespace

address parsed_address(const char* who, std::string_view host, std::uint16_t port) {
  const std::optional<address> found = address::parse(host, port);
  if (!found) throw std::invalid_argument(std::string(who) + ": not an IP address: " + std::string(host));
  return *found;
}

fd make_socket(int domain, int type) {
  return fd(or_throw(backend().socket(domain, type | SOCK_CLOEXEC, 0), "socket"));
}

fd make_socket_for(const address& where, int type) { return make_socket(where.is_v6() ? AF_INET6 : AF_INET, type); }

void set_option(const fd& socket, int level, int option, int value, const char* name) {
  set_option(socket, level, option, &value, sizeof value, name);
}

void set_option(const fd& socket, int level, int option, const void* value, socklen_t length, const char* name) {
  or_throw(backend().set_option(socket.number(), level, option, value, length), std::string("set ") + name);
}

void bind_to(const fd& socket, const address& where) {
  or_throw(backend().bind(socket.number(), where.data(), where.size()), "bind " + where.to_string());
}

void listen_on(const fd& socket, int backlog, const std::string& where) {
  or_throw(backend().listen(socket.number(), backlog), "listen on " + where);
}

void shutdown_write(const fd& socket) { or_throw(backend().shutdown(socket.number(), SHUT_WR), "shutdown"); }

address local_of(const fd& socket) {
  address where;
  socklen_t length = address::capacity();
  or_throw(backend().local_address(socket.number(), where.data(), &length), "getsockname");
  return where;
}

address peer_of(const fd& socket) {
  address where;
  socklen_t length = address::capacity();
  or_throw(backend().peer_address(socket.number(), where.data(), &length), "getpeername");
  return where;
}

}  // namespace ringmill::detail
