#include <ringmill/io/address_range.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <initializer_list>
#include <stdexcept>

namespace ringmill {

namespace {

using ip_bytes = std::array<std::uint8_t, 16>;

constexpr ip_bytes mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

ip_bytes bytes_of(const address& who) noexcept {
  ip_bytes bytes = mapped_prefix;
  if (who.is_v6()) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(who.data())->sin6_addr, 16);
  } else {
    std::memcpy(bytes.data() + 12, &reinterpret_cast<const sockaddr_in*>(who.data())->sin_addr, 4);
  }
  return bytes;
}

bool is_mapped(const ip_bytes& bytes) noexcept {
  return std::equal(bytes.begin(), bytes.begin() + 12, mapped_prefix.begin());
}

bool begins_alike(const ip_bytes& left, const ip_bytes& right, unsigned bits) noexcept {
  const unsigned whole = bits / 8;
  if (!std::equal(left.begin(), left.begin() + whole, right.begin())) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((left[whole] ^ right[whole]) >> (8 - rest)) == 0;
}

bool has_bits_behind(const ip_bytes& bytes, unsigned length) noexcept {
  for (unsigned bit = length; bit < 128; ++bit) {
    if (bytes[bit / 8] & (0x80U >> bit % 8)) return true;
  }
  return false;
}

/// A row of the tables below: the first bytes of an address, the others are zero.
class block {
 public:
  constexpr block(std::initializer_list<std::uint8_t> first, unsigned length) : length_(length) {
    std::copy(first.begin(), first.end(), bytes_.begin());
  }
  static constexpr block v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, unsigned length) {
    return block({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c}, 96 + length);
  }
  bool contains(const ip_bytes& bytes) const noexcept { return begins_alike(bytes, bytes_, length_); }

 private:
  ip_bytes bytes_{};
  unsigned length_;
};

template <std::size_t Size>
bool any_contains(const std::array<block, Size>& blocks, const address& who) noexcept {
  const ip_bytes bytes = bytes_of(who);
  return std::any_of(blocks.begin(), blocks.end(), [&](const block& one) { return one.contains(bytes); });
}

constexpr std::array loopback = {block::v4(127, 0, 0, 8), block({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128)};
constexpr std::array unspecified = {block::v4(0, 0, 0, 32), block({}, 128)};
constexpr std::array private_use = {block::v4(10, 0, 0, 8), block::v4(172, 16, 0, 12), block::v4(192, 168, 0, 16),
                                    block({0xfc}, 7)};
constexpr std::array link_local = {block::v4(169, 254, 0, 16), block({0xfe, 0x80}, 10)};
constexpr std::array multicast = {block::v4(224, 0, 0, 4), block({0xff}, 8)};

/// https://www.iana.org/assignments/iana-ipv4-special-registry
constexpr std::array special_v4 = {
    block::v4(0, 0, 0, 8),        // this network
    block::v4(10, 0, 0, 8),       // private use
    block::v4(100, 64, 0, 10),    // shared, behind a provider's NAT
    block::v4(127, 0, 0, 8),      // loopback
    block::v4(169, 254, 0, 16),   // link-local
    block::v4(172, 16, 0, 12),    // private use
    block::v4(192, 0, 0, 24),     // protocol assignments
    block::v4(192, 0, 2, 24),     // documentation
    block::v4(192, 88, 99, 24),   // 6to4 relays, of the past
    block::v4(192, 168, 0, 16),   // private use
    block::v4(198, 18, 0, 15),    // benchmarking
    block::v4(198, 51, 100, 24),  // documentation
    block::v4(203, 0, 113, 24),   // documentation
    block::v4(224, 0, 0, 3),      // multicast, reserved, and 255.255.255.255
};

/// https://www.iana.org/assignments/iana-ipv6-special-registry, within 2000::/3; nothing else has been given to
/// anybody.
constexpr block global_unicast({0x20}, 3);
constexpr std::array special_v6 = {
    block({0x20, 0x01, 0x00}, 23),        // protocol assignments, Teredo among them
    block({0x20, 0x01, 0x0d, 0xb8}, 32),  // documentation
    block({0x20, 0x02}, 16),              // 6to4
    block({0x3f, 0xff, 0x00}, 20),        // documentation
};
constexpr block translated({0x00, 0x64, 0xff, 0x9b}, 96);  // RFC 6052: an IPv4 address in the last four bytes

bool is_public_v4(const ip_bytes& bytes) noexcept {
  return std::none_of(special_v4.begin(), special_v4.end(), [&](const block& one) { return one.contains(bytes); });
}

}  // namespace

std::optional<address_range> address_range::parse(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<address> network = address::parse(text.substr(0, slash), 0);
  if (!network) return std::nullopt;

  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  if (digits.empty() || (digits.front() == '0' && digits.size() > 1)) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;

  const unsigned offset = network->is_v6() ? 0 : mapped_length;
  if (length > 128 - offset) return std::nullopt;
  const ip_bytes bytes = bytes_of(*network);
  if (has_bits_behind(bytes, offset + length)) return std::nullopt;
  return address_range(bytes, offset + length);
}

address_range::address_range(const address& network, unsigned length)
    : bytes_(bytes_of(network)), length_(length + (network.is_v6() ? 0 : mapped_length)) {
  const std::string text = network.host() + "/" + std::to_string(length);
  if (length > (network.is_v6() ? 128U : 32U)) {
    throw std::invalid_argument("address_range: more bits than the address has: " + text);
  }
  if (has_bits_behind(bytes_, length_)) throw std::invalid_argument("address_range: bits behind its length: " + text);
}

bool address_range::is_v4() const noexcept { return length_ >= mapped_length && is_mapped(bytes_); }

bool address_range::contains(const address& who) const noexcept {
  const ip_bytes bytes = bytes_of(who);
  // ::/0 is all of IPv6, without the IPv4 addresses that are mapped into it.
  return is_mapped(bytes) == is_v4() && begins_alike(bytes, bytes_, length_);
}

address address_range::network() const noexcept {
  if (is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, bytes_.data() + 12, 4);
    return address(v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  std::memcpy(&v6.sin6_addr, bytes_.data(), 16);
  return address(v6);
}

std::string address_range::to_string() const { return network().host() + "/" + std::to_string(length()); }

bool is_loopback(const address& who) noexcept { return any_contains(loopback, who); }
bool is_unspecified(const address& who) noexcept { return any_contains(unspecified, who); }
bool is_private(const address& who) noexcept { return any_contains(private_use, who); }
bool is_link_local(const address& who) noexcept { return any_contains(link_local, who); }
bool is_multicast(const address& who) noexcept { return any_contains(multicast, who); }

bool is_public(const address& who) noexcept {
  ip_bytes bytes = bytes_of(who);
  if (translated.contains(bytes)) std::copy(mapped_prefix.begin(), mapped_prefix.begin() + 12, bytes.begin());
  if (is_mapped(bytes)) return is_public_v4(bytes);
  return global_unicast.contains(bytes) &&
         std::none_of(special_v6.begin(), special_v6.end(), [&](const block& one) { return one.contains(bytes); });
}

}  // namespace ringmill
