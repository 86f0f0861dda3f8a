#include <ringmill/io/tcp.hpp>

#include <netinet/tcp.h>

#include <stdexcept>
#include <string>

#include <ringmill/io/detail/socket_calls.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill {

using detail::set_option;

namespace {

fd make_tcp_socket(const address& where) {
  fd socket = detail::make_socket_for(where, SOCK_STREAM);
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");  // inherited by what a listener accepts
  return socket;
}

}  // namespace

tcp_stream::connect_awaiter tcp_stream::connect(const address& peer) {
  return connect_awaiter(make_tcp_socket(peer), peer);
}

tcp_stream::connect_awaiter tcp_stream::connect(const address& peer, const tcp_connect_options& options) {
  fd socket = make_tcp_socket(peer);
  options.stream().apply_to(socket);
  if (const std::optional<address>& local = options.local()) {
    if (local->is_v6() != peer.is_v6()) {
      throw std::invalid_argument("tcp_stream::connect: cannot go from " + local->to_string() + " to " +
                                  peer.to_string() + ", which is of another family");
    }
    // The port is chosen when the peer is known: only then can two connections to different peers share one.
    if (local->port() == 0) set_option(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "IP_BIND_ADDRESS_NO_PORT");
    detail::bind_to(socket, *local);
  }
  return connect_awaiter(std::move(socket), peer);
}

void tcp_stream::shutdown_write() { detail::shutdown_write(socket_); }

address tcp_stream::peer() const { return detail::peer_of(socket_); }

address tcp_stream::local() const { return detail::local_of(socket_); }

tcp_listener tcp_listener::bind(std::string_view host, std::uint16_t port, int backlog) {
  return bind(host, port, tcp_listener_options().backlog(backlog));
}

tcp_listener tcp_listener::bind(std::string_view host, std::uint16_t port, const tcp_listener_options& options) {
  return bind(detail::parsed_address("tcp_listener::bind", host, port), options);
}

tcp_listener tcp_listener::bind(const address& where, const tcp_listener_options& options) {
  fd socket = make_tcp_socket(where);
  options.streams().apply_to(socket);
  if (options.reuse_address()) set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (options.reuse_port()) set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  if (options.v6_only()) {
    if (!where.is_v6()) throw std::invalid_argument("tcp_listener::bind: v6_only for " + where.to_string());
    set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, *options.v6_only(), "IPV6_V6ONLY");
  }
  detail::bind_to(socket, where);
  detail::listen_on(socket, options.backlog(), where.to_string());
  return tcp_listener(std::move(socket));
}

address tcp_listener::local() const { return detail::local_of(socket_); }

}  // namespace ringmill
