// Which bytes may stand where in an HTTP/1.1 message: one table, one lookup a byte; but for values, of which there is
// most, arithmetic on eight bytes at a time. And how names compare.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ringmill::http::detail {

enum character_class : std::uint8_t {
  token_character = 1,   ///< methods and field names (RFC 9110 5.6.2)
  value_character = 2,   ///< field values: HTAB, visible ASCII, space, and bytes above 127 (RFC 9110 5.5)
  target_character = 4,  ///< request targets: visible ASCII without what every URL serializer encodes: " # < >
  host_character = 8,    ///< the value of Host: reg-name, IP literal, port (RFC 3986 3.2)
};

constexpr bool is_alnum(unsigned char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

inline constexpr std::array<std::uint8_t, 256> character_classes = [] {
  std::array<std::uint8_t, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const auto byte = static_cast<unsigned char>(c);
    const auto among = [byte](std::string_view set) { return set.find(static_cast<char>(byte)) != set.npos; };
    std::uint8_t classes = 0;
    if (is_alnum(byte) || among("!#$%&'*+-.^_`|~")) classes |= token_character;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) classes |= value_character;
    if (c > 0x20 && c < 0x7f && !among("\"#<>")) classes |= target_character;
    if (is_alnum(byte) || among("-._~!$&'()*+;=:%[]")) classes |= host_character;
    table[byte] = classes;
  }
  return table;
}();

constexpr bool is(char c, character_class wanted) noexcept {
  return (character_classes[static_cast<unsigned char>(c)] & wanted) != 0;
}

/// Without a branch a byte: what is looked at is nearly always valid, so leaving early gains nothing.
constexpr bool all_are(std::string_view text, character_class wanted) noexcept {
  unsigned classes = wanted;
  for (const char c : text) classes &= character_classes[static_cast<unsigned char>(c)];
  return classes != 0;
}

/// The first byte that is not of that class, or `end`.
constexpr const char* behind_leading(character_class wanted, const char* at, const char* end) noexcept {
  while (at != end && is(*at, wanted)) ++at;
  return at;
}

/// How many bytes of that class it begins with.
constexpr std::size_t count_leading(std::string_view text, character_class wanted) noexcept {
  const char* const begin = text.data();
  return static_cast<std::size_t>(behind_leading(wanted, begin, begin + text.size()) - begin);
}

/// Eight bytes as a number, of which the first is the lowest.
inline std::uint64_t load_eight(const char* at) noexcept {
  std::uint64_t eight = 0;
  std::memcpy(&eight, at, sizeof eight);
  if constexpr (std::endian::native == std::endian::big) eight = __builtin_bswap64(eight);
  return eight;
}

/// The first byte that is no value character, or `end`. Eight at a time: values are most of a head.
inline const char* behind_leading_value(const char* at, const char* end) noexcept {
  constexpr std::uint64_t each = 0x0101010101010101;
  constexpr std::uint64_t high = each << 7;
  while (end - at >= 8) {
    const std::uint64_t eight = load_eight(at);
    // A borrow, or a carry, reaches the high bit of a byte that did not have it set. A borrow goes on to the bytes
    // behind, and so the first one that is marked is marked rightly.
    const std::uint64_t below_space = (eight - each * ' ') & ~eight & high;
    const std::uint64_t deleted = ((eight & ~high) + each) & ~eight & high;
    const std::uint64_t marked = below_space | deleted;
    if (marked == 0) {
      at += 8;
      continue;
    }
    at += std::countr_zero(marked) / 8;
    if (*at != '\t') return at;
    ++at;
  }
  return behind_leading(value_character, at, end);
}

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

/// Equal but for the case of ASCII letters.
constexpr bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(), [](char a, char b) { return lower(a) == lower(b); });
}

/// The same with `known`, which is in lower case and has but letters and hyphens, for a `name` that is a token.
constexpr bool is_named(std::string_view name, std::string_view known) noexcept {
  // Upper case and lower case differ in one bit, and no other two characters of a token become a letter or a hyphen
  // by it.
  constexpr char case_bit = 'a' - 'A';
  if (name.size() != known.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((name[i] | case_bit) != known[i]) return false;
  }
  return true;
}

/// Without the spaces and tabs at both ends.
constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace ringmill::http::detail
