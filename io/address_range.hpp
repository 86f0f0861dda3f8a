// Ranges of IP addresses, and what an address says about who is behind it.
//
// For what fetches addresses that strangers name, and must not be led to hosts of one's own network:
//
//   if (!rm::is_public(peer)) co_return refused;  // after the name was looked up: on the very address to connect to
//
// and for lists of who is let in:
//
//   const auto office = rm::address_range::parse("10.20.0.0/16");
//   if (office->contains(stream.peer())) ...
//
// An IPv4-mapped IPv6 address (::ffff:10.0.0.1, the way in which a socket for both shows an IPv4 peer) is everywhere
// here the IPv4 address that it stands for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <ringmill/io/address.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// The addresses that begin with the same bits (RFC 4632). A value; ports play no part in it.
class RINGMILL_API address_range {
 public:
  /// From "10.0.0.0/8" or "fd00::/8"; nothing for anything else. Strict: four decimal parts without leading zeros, a
  /// length that is there, and no bit set behind it ("10.0.0.1/8" is a mistake, of the address or of the length).
  static std::optional<address_range> parse(std::string_view text) noexcept;

  /// The first `length` bits of `network`. Throws std::invalid_argument for more bits than there are, and for a bit set
  /// behind them.
  address_range(const address& network, unsigned length);

  bool contains(const address& who) const noexcept;

  /// Its first address, with port 0.
  address network() const noexcept;
  unsigned length() const noexcept { return is_v4() ? length_ - mapped_length : length_; }
  bool is_v6() const noexcept { return !is_v4(); }
  /// "10.0.0.0/8"; one of IPv4-mapped addresses as the IPv4 range that it is.
  std::string to_string() const;

  friend bool operator==(const address_range& left, const address_range& right) noexcept {
    return left.length_ == right.length_ && left.bytes_ == right.bytes_;
  }

 private:
  using ip_bytes = std::array<std::uint8_t, 16>;  ///< IPv4 as ::ffff:a.b.c.d
  static constexpr unsigned mapped_length = 96;

  address_range(const ip_bytes& bytes, unsigned length) noexcept : bytes_(bytes), length_(length) {}
  bool is_v4() const noexcept;

  ip_bytes bytes_;
  unsigned length_;  ///< in bits of those 16 bytes
};

/// 127.0.0.0/8, ::1
RINGMILL_API bool is_loopback(const address& who) noexcept;
/// 0.0.0.0, ::. To connect to it reaches this host.
RINGMILL_API bool is_unspecified(const address& who) noexcept;
/// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 (RFC 1918), fc00::/7 (RFC 4193)
RINGMILL_API bool is_private(const address& who) noexcept;
/// 169.254.0.0/16 (RFC 3927; the metadata services of clouds are there), fe80::/10
RINGMILL_API bool is_link_local(const address& who) noexcept;
/// 224.0.0.0/4, ff00::/8
RINGMILL_API bool is_multicast(const address& who) noexcept;

/// May this be a host of the public internet? False for all of the above, and for what else the registries of
/// special-purpose addresses (RFC 6890, as IANA keeps them) say is not globally reachable: shared, documentation,
/// benchmarking and reserved ones, and IPv6 that nobody has been given. IPv6 that carries an IPv4 address to a
/// translator (64:ff9b::/96) is as public as that one; what tunnels to one (6to4, Teredo) is not.
RINGMILL_API bool is_public(const address& who) noexcept;

}  // namespace ringmill
