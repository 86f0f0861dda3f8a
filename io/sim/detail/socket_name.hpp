// Addresses of sockets as system calls pass them, and what IPv4 and IPv6 have to do with each other.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include <ringmill/io/address.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::sim::detail {

class RINGMILL_API socket_name {
 public:
  socket_name() noexcept = default;
  /// As it was given to a system call.
  socket_name(const sockaddr* raw, socklen_t length) noexcept;
  explicit socket_name(const address& ip) noexcept;
  /// Of a Unix socket without a name.
  static socket_name unnamed_unix() noexcept;

  bool is_empty() const noexcept { return length_ == 0; }
  int family() const noexcept { return length_ < sizeof(sa_family_t) ? AF_UNSPEC : raw_.ss_family; }
  bool is_ip() const noexcept { return family() == AF_INET || family() == AF_INET6; }
  address ip() const noexcept;
  /// Of a Unix socket: its path, or the bytes of its abstract name, the first of which is zero.
  std::string unix_name() const;

  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&raw_); }
  socklen_t size() const noexcept { return length_; }
  /// As getsockname(2) gives it: cut off where there is no room, with its full length.
  void copy_to(sockaddr* where, socklen_t* length) const noexcept;

 private:
  sockaddr_storage raw_{};
  socklen_t length_ = 0;
};

bool is_loopback(const address& where) noexcept;
bool is_unspecified(const address& where) noexcept;
/// ::ffff:10.0.0.1 is 10.0.0.1.
address unmapped(const address& where) noexcept;
/// What a socket of `family` is shown.
address as_seen_by(int family, const address& where) noexcept;
address with_port(const address& where, std::uint16_t port) noexcept;

}  // namespace ringmill::sim::detail
