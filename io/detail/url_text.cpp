#include <ringmill/io/detail/url_text.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace ringmill::detail {

namespace {

/// For every byte, the sets that it is in.
constexpr std::array<std::uint8_t, 256> encode_sets = [] {
  std::array<std::uint8_t, 256> table{};
  auto add = [&table](std::string_view characters, std::initializer_list<encode_set> sets) {
    for (const char c : characters)
      for (const encode_set set : sets) table[static_cast<unsigned char>(c)] |= static_cast<std::uint8_t>(set);
  };
  using enum encode_set;
  for (int byte = 0; byte < 256; ++byte)
    if (byte < 0x20 || byte > 0x7E) table[static_cast<std::size_t>(byte)] = 0xFF;
  add(" \"<>", {fragment, query, special_query, path, userinfo});
  add("`", {fragment, path, userinfo});
  add("#", {query, special_query, path, userinfo});
  add("'", {special_query});
  add("?^{}", {path, userinfo});
  add("/:;=@[\\]|", {userinfo});
  return table;
}();

/// Length of the UTF-8 sequence at the front of `text`. 0 if it is not valid: then `bad` says how many bytes one U+FFFD
/// stands for (the longest prefix that could have become a sequence, at least one byte).
std::size_t utf8_sequence(std::string_view text, std::size_t& bad) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  bad = 1;
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  // The second byte has a narrower range where the first could begin an overlong form, a surrogate, or too big a
  // number.
  unsigned char lowest = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned char highest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  for (; bad < length; ++bad) {
    if (bad >= text.size() || byte(bad) < lowest || byte(bad) > highest) return 0;
    lowest = 0x80;
    highest = 0xBF;
  }
  return length;
}

}  // namespace

void percent_encode(std::string& out, std::string_view text, encode_set set) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((encode_sets[byte] & static_cast<std::uint8_t>(set)) == 0) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
}

std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded =
        text[i] == '%' && text.size() - i > 2 && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    out += encoded ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])) : text[i];
    if (encoded) i += 2;
  }
  return out;
}

std::string clean_url_input(std::string_view input) {
  const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= 0x20; };
  while (!input.empty() && is_blank(input.front())) input.remove_prefix(1);
  while (!input.empty() && is_blank(input.back())) input.remove_suffix(1);

  std::string out;
  out.reserve(input.size());
  while (!input.empty()) {
    std::size_t bad = 0;
    const std::size_t length = utf8_sequence(input, bad);
    if (length == 0)
      out += "\xEF\xBF\xBD";
    else if (input.front() != '\t' && input.front() != '\n' && input.front() != '\r')
      out += input.substr(0, length);
    input.remove_prefix(std::max(length, bad));
  }
  return out;
}

}  // namespace ringmill::detail
