// Internet addresses: IPv4 or IPv6 with a port.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// A value: an IP address and a port. No name is looked up here.
class RINGMILL_API address {
 public:
  /// 0.0.0.0:0
  address() noexcept;
  explicit address(const sockaddr_in& v4) noexcept;
  explicit address(const sockaddr_in6& v6) noexcept;

  /// From "127.0.0.1" or "::1" (without brackets); nothing if it is not the text of an address.
  static std::optional<address> parse(std::string_view host, std::uint16_t port) noexcept;
  /// From "127.0.0.1:80" or "[::1]:80", what `to_string` gives; nothing for anything else. The port has to be there, in
  /// decimal digits without leading zeros.
  static std::optional<address> parse_with_port(std::string_view text) noexcept;

  std::uint16_t port() const noexcept;
  bool is_v6() const noexcept { return any_.sa_family == AF_INET6; }
  /// "127.0.0.1" or "::1"
  std::string host() const;
  /// "127.0.0.1:80" or "[::1]:80"
  std::string to_string() const;

  const sockaddr* data() const noexcept { return &any_; }
  sockaddr* data() noexcept { return &any_; }
  /// The length that system calls want.
  socklen_t size() const noexcept { return is_v6() ? sizeof v6_ : sizeof v4_; }
  /// The room that there is.
  static constexpr socklen_t capacity() noexcept { return sizeof(sockaddr_in6); }

  friend bool operator==(const address& left, const address& right) noexcept { return left.equals(right); }

 private:
  bool equals(const address& other) const noexcept;
  union {
    sockaddr any_;
    sockaddr_in v4_;
    sockaddr_in6 v6_;
  };
};

}  // namespace ringmill
