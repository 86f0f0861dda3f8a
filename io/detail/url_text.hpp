// The characters of URLs: clean-up of the input, percent-encoding and its sets.
// Source: https://url.spec.whatwg.org/#percent-encoded-bytes
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringmill::detail {

/// The percent-encode sets of the standard. Each also holds the controls, DEL and all bytes that are not ASCII.
enum class encode_set : std::uint8_t {
  control = 1,
  fragment = 2,
  query = 4,
  special_query = 8,
  path = 16,
  userinfo = 32,
};

/// Appends `text` to `out`, with the bytes that are in `set` as `%XX`.
void percent_encode(std::string& out, std::string_view text, encode_set set);

/// `%XX` becomes a byte; a percent sign without two digits behind it stays.
std::string percent_decode(std::string_view text);

/// What the parser reads: valid UTF-8 (U+FFFD in place of what is not, as a browser's decoder puts it), without
/// controls and spaces around it, without tabs and line ends in it.
std::string clean_url_input(std::string_view input);

constexpr char ascii_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool is_ascii_alpha(char c) noexcept { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }
constexpr bool is_ascii_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) noexcept {
  if (is_ascii_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace ringmill::detail
