// Which bytes may stand where in an HTTP/1.1 message: one table, one lookup a byte.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
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

inline constexpr unsigned every_class = ~0u;

constexpr unsigned classes_of(char c) noexcept { return character_classes[static_cast<unsigned char>(c)]; }

/// Those that all bytes of it belong to. Without a branch a byte: what is looked at is nearly always valid, so leaving
/// early gains nothing.
constexpr unsigned classes_of(std::string_view text) noexcept {
  unsigned classes = every_class;
  for (const char c : text) classes &= classes_of(c);
  return classes;
}

constexpr bool all_are(std::string_view text, character_class wanted) noexcept {
  return (classes_of(text) & wanted) != 0;
}

/// How many bytes of that class it begins with.
constexpr std::size_t count_leading(std::string_view text, character_class wanted) noexcept {
  std::size_t count = 0;
  while (count < text.size() && is(text[count], wanted)) ++count;
  return count;
}

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
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace ringmill::http::detail
