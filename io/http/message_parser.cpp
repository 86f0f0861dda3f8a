// Two ways lead through a head. The quick one takes a line that lies whole in the input and has nothing wrong, in one
// pass, and leaves all else to the long one, which finds the end of the line first, copies the line together if it is
// split over two inputs, and knows what is wrong with it. Every check of a line happens when the whole line is there,
// and that is what makes the answer independent of the splits.
#include <ringmill/io/http/message_parser.hpp>

#include <algorithm>
#include <cstring>

#include <ringmill/io/http/characters.hpp>
#include <ringmill/io/http/detail/kept_memory.hpp>

namespace ringmill::http {

namespace detail {

void message_parser::start_head() noexcept {
  state_ = state::start_line;
  make_empty(head_fields());
  lines_size_ = 0;
  content_length_.reset();
  host_count_ = 0;
  saw_transfer_encoding_ = false;
  saw_connection_ = false;
  head_complete_ = false;
  persistent_ = true;
  framing_ = body_framing::none;
}

void message_parser::reset_core() noexcept {
  start_head();
  make_empty(trailers_);
  line_.clear();
  body_left_ = limits_.body();
  extensions_left_ = limits_.chunk_extensions();
  started_ = false;
  skipped_blank_ = false;
  error_ = parse_error::none;
}

parse_result message_parser::fail(parse_error error, std::size_t used) noexcept {
  error_ = error;
  return parse_result(used, {});
}

parse_result message_parser::parse(std::string_view input) {
  std::size_t used = 0;
  while (used < input.size() && error_ == parse_error::none && state_ != state::complete) {
    if (reads_lines()) {
      const bool had_head = head_complete_;
      const std::size_t quick = quick_lines(input.substr(used));
      used += quick;
      if (quick == 0) {
        std::string_view line;
        bool whole = false;
        used += take_line(input.substr(used), line, whole);
        if (!whole) break;
        handle_line(line);
        line_.clear();
      }
      if (head_complete_ != had_head) break;
      continue;
    }
    if (state_ == state::chunk_end_cr || state_ == state::chunk_end_lf) {
      const bool wants_cr = state_ == state::chunk_end_cr;
      if (input[used] != (wants_cr ? '\r' : '\n')) return fail(parse_error::missing_chunk_end, used);
      state_ = wants_cr ? state::chunk_end_lf : state::chunk_line;
      ++used;
      continue;
    }
    return body_piece(input.substr(used), used);
  }
  return parse_result(used, {});
}

parse_error message_parser::finish() noexcept {
  if (error_ != parse_error::none || state_ == state::complete) return error_;
  if (state_ == state::open_body) {
    state_ = state::complete;
  } else {
    error_ = started_ ? parse_error::truncated : parse_error::end_of_stream;
  }
  return error_;
}

/// Gives the line without its CR LF, and how many bytes of the input were used; or keeps them for later.
std::size_t message_parser::take_line(std::string_view input, std::string_view& line, bool& whole) {
  const void* found = std::memchr(input.data(), '\n', input.size());
  const std::size_t size = found ? static_cast<const char*>(found) - input.data() : input.size();
  started_ = true;
  error_ = check_line_length(line_.size() + size);
  if (error_ != parse_error::none) return 0;
  if (!found) {
    line_.append(input);
    return size;
  }
  line = input.substr(0, size);
  if (!line_.empty()) line = line_.append(line);
  if (state_ != state::chunk_line) lines_size_ += line.size() + 1;
  if (line.empty() || line.back() != '\r') {
    error_ = parse_error::bare_lf;
  } else {
    line.remove_suffix(1);
    whole = true;
  }
  return size + 1;
}

namespace {

/// A limit may be as large as there are numbers.
constexpr std::size_t saturating_sum(std::size_t limit, std::size_t more) noexcept {
  return limit > SIZE_MAX - more ? SIZE_MAX : limit + more;
}

}  // namespace

/// `before_line_feed`: bytes of a line, with its CR, whose LF comes at best right behind them.
parse_error message_parser::check_line_length(std::size_t before_line_feed) const noexcept {
  if (state_ == state::chunk_line) {
    constexpr std::size_t digits_and_cr = 17;
    const bool fits = before_line_feed <= saturating_sum(extensions_left_, digits_and_cr);
    return fits ? parse_error::none : parse_error::chunk_line_too_long;
  }
  const std::size_t for_line = saturating_sum(limits_.line(), 1);
  const std::size_t for_head = limits_.head() - std::min(limits_.head(), lines_size_ + 1);
  if (before_line_feed <= std::min(for_line, for_head)) return parse_error::none;
  if (for_head < for_line) return parse_error::head_too_large;
  return state_ == state::start_line ? parse_error::start_line_too_long : parse_error::field_line_too_long;
}

void message_parser::handle_line(std::string_view line) {
  switch (state_) {
    case state::start_line:
      if (line.empty() && !skipped_blank_) {
        skipped_blank_ = true;
        started_ = false;
        lines_size_ = 0;
        return;
      }
      error_ = start_line(line);
      state_ = state::field_line;
      break;
    case state::field_line:
      error_ = line.empty() ? end_of_head() : field_line(line, head_fields());
      break;
    case state::chunk_line:
      error_ = chunk_line(line);
      break;
    default:
      if (line.empty()) {
        state_ = state::complete;
      } else {
        error_ = field_line(line, trailers_);
      }
  }
  // The more telling name: nothing in a line may be a CR.
  if (error_ != parse_error::none && line.find('\r') != line.npos) error_ = parse_error::bare_cr;
}

parse_error message_parser::parse_version(std::string_view text) noexcept {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 8 || !text.starts_with("HTTP/") || !digit(text[5]) || text[6] != '.' || !digit(text[7])) {
    return parse_error::invalid_version;
  }
  if (text[5] != '1' || text[7] > '1') return parse_error::unsupported_version;
  version_minor_ = text[7] - '0';
  return parse_error::none;
}

namespace {

/// Why a line has no name and colon at its beginning. `name_size`: how many token characters it begins with.
parse_error explain_bad_name(std::string_view line, std::size_t name_size) noexcept {
  if (line.front() == ' ' || line.front() == '\t') return parse_error::folded_field;
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return parse_error::missing_colon;
  if (colon == 0) return parse_error::empty_field_name;
  const bool only_space = trim(line.substr(name_size, colon - name_size)).empty();
  return only_space ? parse_error::space_before_colon : parse_error::invalid_field_name;
}

}  // namespace

/// Most lines of a head lie whole in the input, with nothing wrong: those are taken where they lie. Gives how many
/// bytes they have; 0 if the first has to be taken the long way, which knows why, and begins afresh: it sets again what
/// may be set.
std::size_t message_parser::quick_lines(std::string_view input) {
  if (!line_.empty()) return 0;
  std::size_t used = state_ == state::start_line ? quick_start(input) : 0;
  while (state_ == state::field_line && error_ == parse_error::none) {
    const std::string_view rest = input.substr(used);
    if (rest.starts_with("\r\n") && fits(0)) {
      lines_size_ += 2;
      error_ = end_of_head();
      return used + 2;
    }
    const std::size_t line = quick_field(rest);
    if (line == 0) break;
    used += line;
  }
  return used;
}

std::size_t message_parser::quick_start(std::string_view input) {
  const std::size_t line = quick_start_line(input.substr(0, limits_.line()));  // or a longer one would be copied first
  if (line == 0 || !input.substr(line).starts_with("\r\n") || !fits(line)) return 0;
  started_ = true;
  lines_size_ += line + 2;
  state_ = state::field_line;
  return line + 2;
}

std::size_t message_parser::quick_field(std::string_view input) {
  const char* const begin = input.data();
  const char* const end = begin + input.size();
  const char* const behind_name = behind_leading(token_character, begin, end);
  if (behind_name == begin || behind_name == end || *behind_name != ':') return 0;
  const char* first = behind_name + 1;
  while (first != end && is_blank(*first)) ++first;
  const char* const behind_value = behind_leading_value(first, end);
  const std::string_view name(begin, behind_name);
  const std::string_view value(first, behind_value);
  if (!value.empty() && is_blank(value.back())) return 0;
  const auto line = static_cast<std::size_t>(behind_value - begin);
  if (!input.substr(line).starts_with("\r\n") || !fits(line)) return 0;
  lines_size_ += line + 2;
  fields& head = head_fields();
  error_ = note_field(name, value, head);
  if (error_ != parse_error::none) return line + 2;
  if (first == behind_name + 2 && behind_name[1] == ' ') {
    head.add_checked_line(input.substr(0, line + 2), name.size());
  } else {
    head.add_checked(name, value);
  }
  return line + 2;
}

parse_error message_parser::field_line(std::string_view line, fields& into) {
  const std::size_t name_size = count_leading(line, token_character);
  if (name_size == 0 || name_size == line.size() || line[name_size] != ':') return explain_bad_name(line, name_size);
  const std::string_view name = line.substr(0, name_size);
  const std::string_view value = trim(line.substr(name_size + 1));
  if (!all_are(value, value_character)) return parse_error::invalid_field_value;
  if (const parse_error error = note_field(name, value, into); error != parse_error::none) return error;
  into.add_checked(name, value);
  return parse_error::none;
}

namespace {

std::optional<std::uint64_t> parse_length(std::string_view text) noexcept {
  if (text.empty() || text.size() > 19) return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (length > std::uint64_t{INT64_MAX}) return std::nullopt;
  return length;
}

}  // namespace

/// Before a field is added to `into`: looks at those that decide where a message ends and whom it is for.
parse_error message_parser::note_field(std::string_view name, std::string_view value, const fields& into) {
  if (into.size() == limits_.fields()) return parse_error::too_many_fields;
  const auto named = [name](std::string_view known) { return is_named(name, known); };
  switch (name.size()) {
    case 4:
      if (!named("host")) break;
      if (head_complete_) return parse_error::forbidden_trailer;
      if (++host_count_ > 1) return parse_error::repeated_host;
      if (count_leading(value, host_character) != value.size()) return parse_error::invalid_host;
      break;
    case 10:
      if (named("connection")) saw_connection_ = true;
      break;
    case 14: {
      if (!named("content-length")) break;
      if (head_complete_) return parse_error::forbidden_trailer;
      const auto length = parse_length(value);
      if (!length) return parse_error::invalid_content_length;
      // A repetition has to be the same text: "5" and "05" are not.
      if (content_length_ && into.find(name) != value) return parse_error::conflicting_content_length;
      content_length_ = length;
      break;
    }
    case 17:
      if (!named("transfer-encoding")) break;
      if (head_complete_) return parse_error::forbidden_trailer;
      if (saw_transfer_encoding_) return parse_error::repeated_transfer_encoding;
      if (!equal_ignoring_case(value, "chunked")) return parse_error::unsupported_transfer_encoding;
      saw_transfer_encoding_ = true;
      break;
    default:
      break;
  }
  return parse_error::none;
}

parse_error message_parser::end_of_head() {
  if (saw_transfer_encoding_ && content_length_) return parse_error::transfer_encoding_with_content_length;
  if (saw_transfer_encoding_ && version_minor_ == 0) return parse_error::transfer_encoding_in_http_1_0;
  persistent_ = version_minor_ == 1;
  if (saw_connection_) {
    const fields& head = head_fields();
    const bool close = head.contains_token("connection", "close");
    persistent_ = !close && (persistent_ || head.contains_token("connection", "keep-alive"));
  }
  framing_ = saw_transfer_encoding_ ? body_framing::chunked
             : content_length_      ? body_framing::content_length
                                    : body_framing::none;
  head_complete_ = true;
  if (const parse_error error = head_done(); error != parse_error::none) {
    head_complete_ = false;
    return error;
  }
  if (!head_complete_) {  // an informational response
    start_head();
    return parse_error::none;
  }
  lines_size_ = 0;
  switch (framing_) {
    case body_framing::none:
      state_ = state::complete;
      break;
    case body_framing::chunked:
      state_ = state::chunk_line;
      break;
    case body_framing::until_close:
      persistent_ = false;
      state_ = state::open_body;
      break;
    case body_framing::content_length:
      if (*content_length_ > body_left_) {
        head_complete_ = false;
        return parse_error::body_too_large;
      }
      remaining_ = *content_length_;
      state_ = remaining_ > 0 ? state::sized_body : state::complete;
      break;
  }
  return parse_error::none;
}

namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

parse_error message_parser::chunk_line(std::string_view line) noexcept {
  std::uint64_t size = 0;
  std::size_t digits = 0;
  for (; digits < line.size() && hex_digit(line[digits]) >= 0; ++digits) {
    if (digits == 16) return parse_error::chunk_size_overflow;
    size = size << 4 | static_cast<std::uint64_t>(hex_digit(line[digits]));
  }
  const std::string_view extension = line.substr(digits);
  if (digits == 0 || (!extension.empty() && extension.front() != ';')) return parse_error::invalid_chunk_size;
  if (size > std::uint64_t{INT64_MAX}) return parse_error::chunk_size_overflow;
  if (!all_are(extension, value_character)) return parse_error::invalid_chunk_extension;
  if (extension.size() > extensions_left_) return parse_error::chunk_line_too_long;
  extensions_left_ -= extension.size();
  if (size > body_left_) return parse_error::body_too_large;
  body_left_ -= size;
  remaining_ = size;
  state_ = size > 0 ? state::chunk_body : state::trailer_line;
  return parse_error::none;
}

parse_result message_parser::body_piece(std::string_view input, std::size_t used) noexcept {
  if (state_ == state::open_body) {
    if (body_left_ == 0) return fail(parse_error::body_too_large, used);
    const std::string_view piece = input.substr(0, body_left_);
    body_left_ -= piece.size();
    return parse_result(used + piece.size(), piece);
  }
  const std::string_view piece = input.substr(0, remaining_);
  remaining_ -= piece.size();
  if (remaining_ == 0) state_ = state_ == state::sized_body ? state::complete : state::chunk_end_cr;
  return parse_result(used + piece.size(), piece);
}

}  // namespace detail

}  // namespace ringmill::http
