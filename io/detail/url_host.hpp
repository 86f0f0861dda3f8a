// Hosts of URLs: domains, IPv4 in all the ways that it can be written, IPv6, opaque hosts.
// Source: https://url.spec.whatwg.org/#host-parsing
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringmill::detail {

/// The serialised host, or nullopt if `input` is none. `special` says which kind is expected: a domain or an address as
/// special schemes have it, or else an opaque host, of which only `[IPv6]` is understood and the rest percent-encoded.
/// An empty input is an empty opaque host, and a failure for a special scheme.
std::optional<std::string> parse_host(std::string_view input, bool special);

/// Whether the last label of `domain` makes it an address: `1.2.3`, `0x7f.1`, `foo.0` (which is then a failure).
bool ends_in_a_number(std::string_view domain);

/// One to four parts, each decimal, octal (`017`) or hexadecimal (`0x1f`); the last fills the bytes that are left.
std::optional<std::uint32_t> parse_ipv4(std::string_view input);
std::string serialise_ipv4(std::uint32_t address);

/// Eight pieces in host byte order. No brackets, no zone.
using ipv6_pieces = std::array<std::uint16_t, 8>;
std::optional<ipv6_pieces> parse_ipv6(std::string_view input);
/// Lower case, the first longest run of two or more zeros compressed (RFC 5952).
std::string serialise_ipv6(const ipv6_pieces& address);

}  // namespace ringmill::detail
