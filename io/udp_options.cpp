#include <ringmill/io/udp_options.hpp>

#include <netinet/in.h>
#include <netinet/udp.h>

#include <stdexcept>

#include <ringmill/io/detail/checked_number.hpp>
#include <ringmill/io/detail/socket_calls.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill {

namespace {

int checked_of_udp(long long value, int least, int most, const char* what) {
  return detail::checked_number("udp_options", value, least, most, what);
}

using detail::most_int;

}  // namespace

udp_options& udp_options::receive_buffer(int bytes) {
  return receive_buffer_ = checked_of_udp(bytes, 1, most_int, "size of a receive buffer"), *this;
}

udp_options& udp_options::send_buffer(int bytes) {
  return send_buffer_ = checked_of_udp(bytes, 1, most_int, "size of a send buffer"), *this;
}

udp_options& udp_options::ttl(int hops) { return ttl_ = checked_of_udp(hops, 1, 255, "number of hops"), *this; }

udp_options& udp_options::multicast_ttl(int hops) {
  return multicast_ttl_ = checked_of_udp(hops, 0, 255, "number of hops"), *this;
}

void udp_options::apply_to(const fd& socket, const address& where) const {
  using detail::set_option;
  const bool v6 = where.is_v6();
  const int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
  if (reuse_address_) set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (reuse_port_) set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  if (broadcast_) set_option(socket, SOL_SOCKET, SO_BROADCAST, 1, "SO_BROADCAST");
  if (receive_buffer_) set_option(socket, SOL_SOCKET, SO_RCVBUF, *receive_buffer_, "SO_RCVBUF");
  if (send_buffer_) set_option(socket, SOL_SOCKET, SO_SNDBUF, *send_buffer_, "SO_SNDBUF");
  if (v6_only_) {
    if (!v6) throw std::invalid_argument("udp_options: v6_only for " + where.to_string());
    set_option(socket, level, IPV6_V6ONLY, *v6_only_, "IPV6_V6ONLY");
  }
  if (ttl_) set_option(socket, level, v6 ? IPV6_UNICAST_HOPS : IP_TTL, *ttl_, "the TTL");
  if (multicast_ttl_) {
    set_option(socket, level, v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, *multicast_ttl_, "the multicast TTL");
  }
  if (multicast_loop_) {
    set_option(socket, level, v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, *multicast_loop_, "the multicast loop");
  }
  if (multicast_interface_) {
    const int index = static_cast<int>(*multicast_interface_);
    if (v6) {
      set_option(socket, level, IPV6_MULTICAST_IF, index, "IPV6_MULTICAST_IF");
    } else {
      ip_mreqn out{};
      out.imr_ifindex = index;
      set_option(socket, level, IP_MULTICAST_IF, &out, sizeof out, "IP_MULTICAST_IF");
    }
  }
  if (coalesce_) {
    const int on = 1;  // refused: then each datagram comes alone, which callers are prepared for
    ring::current().backend().set_option(socket.number(), IPPROTO_UDP, UDP_GRO, &on, sizeof on);
  }
}

}  // namespace ringmill
