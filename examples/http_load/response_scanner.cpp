// RFC 9112: 4 for the status line, 6.3 for where a body ends, 7.1 for chunks, 9.3 for who closes.
#include "http_load/response_scanner.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace http_load {

namespace {

using progress = response_scanner::progress;

constexpr std::size_t most_bytes_of_lines = 256 * 1024;

/// `wanted` in lower case.
bool equal_ignoring_case(std::string_view text, std::string_view wanted) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(text.begin(), text.end(), wanted.begin(), wanted.end(),
                    [&](char given, char known) { return lower(given) == known; });
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// All of `digits` as a number.
std::optional<std::uint64_t> parse_number(std::string_view digits, int base) noexcept {
  std::uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, number, base);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

}  // namespace

progress response_scanner::scan(std::string_view& input) {
  while (!input.empty()) {
    if (state_ == state::open_body) {
      input = {};
    } else if (state_ == state::sized_body || state_ == state::chunk_body) {
      const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(missing_, input.size()));
      input.remove_prefix(taken);
      missing_ -= taken;
      if (missing_ > 0) return progress::incomplete;
      if (state_ == state::sized_body) return complete();
      state_ = state::chunk_end;
    } else {
      std::string_view line;
      if (!take_line(input, line)) break;
      const progress made = handle_line(line);
      line_.clear();
      if (made != progress::incomplete) return made;
    }
  }
  return lines_size_ > most_bytes_of_lines ? progress::malformed : progress::incomplete;
}

progress response_scanner::end() noexcept { return state_ == state::open_body ? complete() : progress::malformed; }

/// Gives a line without its end; or keeps what there is of it for later.
bool response_scanner::take_line(std::string_view& input, std::string_view& line) {
  const void* const found = std::memchr(input.data(), '\n', input.size());
  const std::size_t size =
      found ? static_cast<std::size_t>(static_cast<const char*>(found) - input.data()) : input.size();
  lines_size_ += size;
  line = input.substr(0, size);
  input.remove_prefix(found ? size + 1 : size);
  if (!found || !line_.empty()) line = line_.append(line);
  if (found && line.ends_with('\r')) line.remove_suffix(1);
  return found && lines_size_ <= most_bytes_of_lines;
}

progress response_scanner::handle_line(std::string_view line) noexcept {
  switch (state_) {
    case state::status_line:
      return status_line(line);
    case state::field_line:
      return line.empty() ? end_of_head() : field_line(line);
    case state::chunk_line:
      return chunk_line(line);
    case state::chunk_end:
      state_ = state::chunk_line;
      return line.empty() ? progress::incomplete : progress::malformed;
    default:  // trailers
      return line.empty() ? complete() : progress::incomplete;
  }
}

progress response_scanner::status_line(std::string_view line) noexcept {
  const bool is_http_1 = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
  const bool has_status = line.size() == 12 || (line.size() > 12 && line[12] == ' ');
  if (!is_http_1 || !has_status) return progress::malformed;
  const auto number = parse_number(line.substr(9, 3), 10);
  if (!number || *number < 100) return progress::malformed;
  status_ = static_cast<int>(*number);
  keep_alive_ = line[7] == '1';
  closes_ = false;
  is_chunked_ = false;
  content_length_.reset();
  state_ = state::field_line;
  return progress::incomplete;
}

progress response_scanner::field_line(std::string_view line) noexcept {
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return progress::malformed;
  const std::string_view name = line.substr(0, colon);
  const auto value = [&] { return trim(line.substr(colon + 1)); };
  switch (name.size()) {
    case 10:
      if (equal_ignoring_case(name, "connection")) return connection_field(value());
      break;
    case 14:
      if (equal_ignoring_case(name, "content-length")) {
        const auto length = parse_number(value(), 10);
        if (!length || (content_length_ && content_length_ != length)) return progress::malformed;
        content_length_ = length;
      }
      break;
    case 17:
      if (equal_ignoring_case(name, "transfer-encoding")) {
        if (!equal_ignoring_case(value(), "chunked")) return progress::malformed;
        is_chunked_ = true;
      }
      break;
    default:
      break;
  }
  return progress::incomplete;
}

progress response_scanner::connection_field(std::string_view value) noexcept {
  for (;;) {
    const std::size_t comma = value.find(',');
    const std::string_view option = trim(value.substr(0, comma));
    if (equal_ignoring_case(option, "close")) closes_ = true;
    if (equal_ignoring_case(option, "keep-alive")) keep_alive_ = true;
    if (comma == value.npos) return progress::incomplete;
    value.remove_prefix(comma + 1);
  }
}

progress response_scanner::end_of_head() noexcept {
  if (status_ < 200 && status_ != 101) {  // informational: the response itself follows
    state_ = state::status_line;
    return progress::incomplete;
  }
  if (status_ == 101) closes_ = true;  // what follows is no HTTP
  if (status_ == 101 || status_ == 204 || status_ == 304) return complete();
  if (is_chunked_) {
    state_ = state::chunk_line;
  } else if (!content_length_) {
    state_ = state::open_body;
    closes_ = true;
  } else if (*content_length_ > 0) {
    state_ = state::sized_body;
    missing_ = *content_length_;
  } else {
    return complete();
  }
  return progress::incomplete;
}

progress response_scanner::chunk_line(std::string_view line) noexcept {
  const auto size = parse_number(trim(line.substr(0, line.find(';'))), 16);
  if (!size) return progress::malformed;
  missing_ = *size;
  lines_size_ = 0;
  state_ = missing_ > 0 ? state::chunk_body : state::trailer_line;
  return progress::incomplete;
}

progress response_scanner::complete() noexcept {
  state_ = state::status_line;
  lines_size_ = 0;
  return progress::complete;
}

}  // namespace http_load
