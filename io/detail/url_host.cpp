#include <ringmill/io/detail/url_host.hpp>

#include <algorithm>
#include <charconv>
#include <vector>

#include <ringmill/io/detail/url_text.hpp>

namespace ringmill::detail {

namespace {

using namespace std::string_view_literals;

bool is_forbidden_in_host(char c) { return "\0\t\n\r #/:<>?@[\\]^|"sv.find(c) != std::string_view::npos; }

bool is_forbidden_in_domain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return is_forbidden_in_host(c) || byte < 0x20 || c == '%' || byte == 0x7F;
}

/// The parts between dots; a dot at the end, allowed in domains and addresses, makes no empty part.
std::vector<std::string_view> dotted_parts(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t dot = text.find('.');
    parts.push_back(text.substr(0, dot));
    if (dot == std::string_view::npos) break;
    text.remove_prefix(dot + 1);
  }
  if (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  return parts;
}

/// A number of any length; what does not fit an address stays above 2^32.
std::optional<std::uint64_t> parse_ipv4_number(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t radix = 10;
  if (text.size() >= 2 && text[0] == '0') {
    const bool hexadecimal = text[1] == 'x' || text[1] == 'X';
    radix = hexadecimal ? 16 : 8;
    text.remove_prefix(hexadecimal ? 2 : 1);
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    const int digit = hex_value(c);
    if (digit < 0 || static_cast<std::uint64_t>(digit) >= radix) return std::nullopt;
    value = std::min(value * radix + static_cast<std::uint64_t>(digit), std::uint64_t{1} << 32);
  }
  return value;
}

/// The dotted quad at the end of an IPv6 address: four decimal numbers, no leading zeros, nothing behind.
std::optional<std::uint32_t> parse_strict_quad(std::string_view text) {
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (text.empty() || text.front() != '.') return std::nullopt;
      text.remove_prefix(1);
    }
    const auto end = std::find_if_not(text.begin(), text.end(), is_ascii_digit);
    const auto digits = static_cast<std::size_t>(end - text.begin());
    if (digits == 0 || digits > 3 || (digits > 1 && text.front() == '0')) return std::nullopt;
    std::uint32_t value = 0;
    for (const char digit : text.substr(0, digits)) value = 10 * value + static_cast<std::uint32_t>(digit - '0');
    if (value > 255) return std::nullopt;
    address = address << 8 | value;
    text.remove_prefix(digits);
  }
  if (!text.empty()) return std::nullopt;
  return address;
}

}  // namespace

std::optional<std::string> parse_host(std::string_view input, bool special) {
  if (!input.empty() && input.front() == '[') {
    if (input.back() != ']') return std::nullopt;
    const auto address = parse_ipv6(input.substr(1, input.size() - 2));
    if (!address) return std::nullopt;
    return '[' + serialise_ipv6(*address) + ']';
  }
  if (!special) {
    if (std::any_of(input.begin(), input.end(), is_forbidden_in_host)) return std::nullopt;
    std::string opaque;
    percent_encode(opaque, input, encode_set::control);
    return opaque;
  }

  std::string domain = percent_decode(input);
  for (char& c : domain) {
    // Characters beyond ASCII would need IDNA.
    if (static_cast<unsigned char>(c) >= 0x80 || is_forbidden_in_domain(c)) return std::nullopt;
    c = ascii_lower(c);
  }
  if (domain.empty()) return std::nullopt;
  if (!ends_in_a_number(domain)) return domain;
  const auto address = parse_ipv4(domain);
  if (!address) return std::nullopt;
  return serialise_ipv4(*address);
}

bool ends_in_a_number(std::string_view domain) {
  const std::string_view last = dotted_parts(domain).back();
  if (!last.empty() && std::all_of(last.begin(), last.end(), is_ascii_digit)) return true;
  return parse_ipv4_number(last).has_value();
}

std::optional<std::uint32_t> parse_ipv4(std::string_view input) {
  const std::vector<std::string_view> parts = dotted_parts(input);
  if (parts.size() > 4) return std::nullopt;
  std::uint64_t address = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto number = parse_ipv4_number(parts[i]);
    const bool last = i + 1 == parts.size();
    const std::size_t bits = last ? 8 * (4 - i) : 8;
    if (!number || *number >> bits != 0) return std::nullopt;
    address = address << bits | *number;
  }
  return static_cast<std::uint32_t>(address);
}

std::string serialise_ipv4(std::uint32_t address) {
  return std::to_string(address >> 24) + '.' + std::to_string(address >> 16 & 255) + '.' +
         std::to_string(address >> 8 & 255) + '.' + std::to_string(address & 255);
}

std::optional<ipv6_pieces> parse_ipv6(std::string_view input) {
  ipv6_pieces pieces{};
  std::size_t count = 0;                  // pieces read so far
  std::optional<std::size_t> compressed;  // the piece behind `::`

  while (!input.empty()) {
    if (count == 8) return std::nullopt;
    if (input.starts_with("::")) {
      if (compressed) return std::nullopt;
      compressed = ++count;  // it stands for one zero at least
      input.remove_prefix(2);
      continue;
    }
    if (count > 0 && compressed != count) {  // between two pieces, unless `::` has just separated them
      if (input.front() != ':' || input.size() == 1) return std::nullopt;
      input.remove_prefix(1);
    }
    std::size_t digits = 0;
    unsigned value = 0;
    for (; digits < 4 && digits < input.size() && hex_value(input[digits]) >= 0; ++digits)
      value = value * 16 + static_cast<unsigned>(hex_value(input[digits]));
    if (digits < input.size() && input[digits] == '.') {
      const auto quad = parse_strict_quad(input);
      if (!quad || count > 6) return std::nullopt;
      pieces[count++] = static_cast<std::uint16_t>(*quad >> 16);
      pieces[count++] = static_cast<std::uint16_t>(*quad & 0xFFFF);
      break;
    }
    if (digits == 0) return std::nullopt;
    pieces[count++] = static_cast<std::uint16_t>(value);
    input.remove_prefix(digits);
  }
  if (!compressed) return count == 8 ? std::optional(pieces) : std::nullopt;
  // What stands behind `::` moves to the end, the zeros between are there already.
  std::rotate(pieces.begin() + static_cast<std::ptrdiff_t>(*compressed),
              pieces.begin() + static_cast<std::ptrdiff_t>(count), pieces.end());
  return pieces;
}

std::string serialise_ipv6(const ipv6_pieces& address) {
  std::size_t best = 8, best_length = 1;  // a single zero is not compressed
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t length = 0;
    while (i + length < 8 && address[i + length] == 0) ++length;
    if (length > best_length) {
      best = i;
      best_length = length;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == best) {
      out += "::";
      i += best_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    std::array<char, 4> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), address[i], 16).ptr;
    out.append(digits.data(), end);
  }
  return out;
}

}  // namespace ringmill::detail
