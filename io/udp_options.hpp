// What can be said of a UDP socket when it is made (udp(7), ip(7), ipv6(7)). What is not named stays as the kernel has
// it.
#pragma once

#include <optional>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

class address;
class fd;

/// Setters throw std::invalid_argument for what the kernel would refuse.
class RINGMILL_API udp_options {
 public:
  udp_options() noexcept {}

  /// SO_REUSEADDR: others who ask for it too may bind the same address; each gets a copy of what is sent to a multicast
  /// group, and only the last one what is sent to the address itself.
  udp_options& reuse_address(bool on = true) noexcept { return reuse_address_ = on, *this; }
  /// SO_REUSEPORT: several sockets of one user on the same address, among which the kernel spreads the senders.
  udp_options& reuse_port(bool on = true) noexcept { return reuse_port_ = on, *this; }
  /// IPV6_V6ONLY: whether one on an IPv6 address has nothing to do with IPv4. If not said, net.ipv6.bindv6only decides.
  udp_options& v6_only(bool on = true) noexcept { return v6_only_ = on, *this; }

  /// SO_RCVBUF and SO_SNDBUF, in bytes. The kernel doubles them for its own needs and caps them at net.core.rmem_max
  /// and wmem_max. What finds the receive buffer full is dropped.
  udp_options& receive_buffer(int bytes);
  udp_options& send_buffer(int bytes);

  /// UDP_GRO: datagrams of one sender that came close together are received at once, which is many times faster: see
  /// `received_datagram`. Where the kernel cannot, each comes alone.
  udp_options& coalesce(bool on = true) noexcept { return coalesce_ = on, *this; }

  /// Lets it send to broadcast addresses, which else fails with std::errc::permission_denied.
  udp_options& broadcast(bool on = true) noexcept { return broadcast_ = on, *this; }
  /// How many routers what it sends may pass: 1 to 255.
  udp_options& ttl(int hops);
  /// The same for multicast: 0 (stays on this host) to 255; 1 if not said.
  udp_options& multicast_ttl(int hops);
  /// Whether sockets of this host get what it sends to their groups; on if not said.
  udp_options& multicast_loop(bool on) noexcept { return multicast_loop_ = on, *this; }
  /// Where its multicasts go out: an index of if_nametoindex(3).
  udp_options& multicast_interface(unsigned index) noexcept { return multicast_interface_ = index, *this; }

 private:
  friend class udp_socket;
  void apply_to(const fd& socket, const address& where) const;

  std::optional<bool> v6_only_;
  std::optional<bool> multicast_loop_;
  std::optional<int> receive_buffer_;
  std::optional<int> send_buffer_;
  std::optional<int> ttl_;
  std::optional<int> multicast_ttl_;
  std::optional<unsigned> multicast_interface_;
  bool reuse_address_ = false;
  bool reuse_port_ = false;
  bool coalesce_ = false;
  bool broadcast_ = false;
};

}  // namespace ringmill
