#include <ringmill/io/http/message.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <ringmill/io/http/characters.hpp>
#include <ringmill/io/http/detail/output.hpp>

namespace ringmill::http {

namespace {

using detail::all_are;
using detail::equal_ignoring_case;

void check_field(std::string_view name, std::string_view value) {
  if (name.empty() || !all_are(name, detail::token_character)) {
    throw std::invalid_argument("http: not a field name: \"" + std::string(name) + '"');
  }
  const char* const end = value.data() + value.size();
  if (detail::behind_leading_value(end - value.size(), end) != end) {
    throw std::invalid_argument("http: the value of the field " + std::string(name) + " has a control character");
  }
}

}  // namespace

fields::fields(const fields& other) : text_size_(other.text_size_), size_(other.size_) {
  if (size_ == 0) return;
  capacity_ = static_cast<std::uint32_t>(text_size_ + size_ * sizeof(entry));
  block_ = detail::block(capacity_);
  std::memcpy(block_.get(), other.block_.get(), text_size_);
  std::memcpy(block_.get() + text_size_, other.entry_at(size_ - 1), size_ * sizeof(entry));
}

fields& fields::operator=(const fields& other) {
  fields copy(other);
  swap(copy);
  return *this;
}

fields& fields::operator=(fields&& other) noexcept {
  fields taken(std::move(other));
  swap(taken);
  return *this;
}

void fields::swap(fields& other) noexcept {
  std::swap(block_, other.block_);
  std::swap(capacity_, other.capacity_);
  std::swap(text_size_, other.text_size_);
  std::swap(size_, other.size_);
}

void fields::add(std::string_view name, std::string_view value) {
  check_field(name, value);
  add_checked(name, detail::trim(value));
}

void fields::add_checked(std::string_view name, std::string_view value) {
  // Both may be views of this very list: what they look at has to stay until they are copied.
  const detail::block before = make_room(name.size() + value.size() + 4);
  using detail::put;
  put(put(put(put(block_.get() + text_size_, name), ": "), value), "\r\n");
  note_added(name.size(), value.size());
}

void fields::add_checked_line(std::string_view line, std::size_t name_size) {
  const detail::block before = make_room(line.size());
  detail::put(block_.get() + text_size_, line);
  note_added(name_size, line.size() - name_size - 4);
}

void fields::note_added(std::size_t name_size, std::size_t value_size) noexcept {
  const entry added{text_size_, static_cast<std::uint32_t>(name_size), static_cast<std::uint32_t>(value_size)};
  std::memcpy(entry_at(size_), &added, sizeof added);
  text_size_ += static_cast<std::uint32_t>(name_size + value_size + 4);
  ++size_;
}

/// For a line of so many bytes behind the others. Gives the block that those were in, if they are in another now.
detail::block fields::make_room(std::size_t line) {
  if (capacity_ - text_size_ - size_ * sizeof(entry) < line + sizeof(entry)) return grow(line + sizeof(entry));
  return detail::block();
}

/// Gives the block that it was in.
detail::block fields::grow(std::size_t more) {
  constexpr std::size_t least = 256;
  const std::size_t entries = size_ * sizeof(entry);
  const std::size_t needed = std::max(least, text_size_ + entries + more);
  if (needed > UINT32_MAX) throw std::length_error("http: more than 4 GiB of fields");
  const std::size_t wanted = detail::grown(capacity_, needed, UINT32_MAX);
  detail::block larger(wanted);
  if (size_ > 0) {
    std::memcpy(larger.get(), block_.get(), text_size_);
    std::memcpy(larger.get() + wanted - entries, entry_at(size_ - 1), entries);
  }
  std::swap(block_, larger);
  capacity_ = static_cast<std::uint32_t>(wanted);
  return larger;
}

void fields::set(std::string_view name, std::string_view value) {
  check_field(name, value);
  // Name or value may be views of this very list: copied before anything moves.
  const std::string own_name(name);
  const std::string own_value(detail::trim(value));
  erase(own_name);
  add_checked(own_name, own_value);
}

std::size_t fields::erase(std::string_view name) {
  if (!contains(name)) return 0;
  const std::string own_name(name);
  fields kept;
  for (const auto [other, value] : *this) {
    if (!equal_ignoring_case(other, own_name)) kept.add_checked(other, value);
  }
  const std::size_t removed = size() - kept.size();
  *this = std::move(kept);
  return removed;
}

void fields::clear() noexcept {
  text_size_ = 0;
  size_ = 0;
}

std::optional<std::string_view> fields::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < size_; ++i) {
    if (entry_of(i).name_size != name.size()) continue;
    const auto [other, value] = (*this)[i];
    if (equal_ignoring_case(other, name)) return value;
  }
  return std::nullopt;
}

std::size_t fields::count(std::string_view name) const noexcept {
  std::size_t found = 0;
  for (const auto [other, value] : *this) found += equal_ignoring_case(other, name);
  return found;
}

bool fields::contains_token(std::string_view name, std::string_view token) const noexcept {
  for (std::size_t i = 0; i < size_; ++i) {
    if (entry_of(i).name_size != name.size()) continue;
    auto [other, rest] = (*this)[i];
    if (!equal_ignoring_case(other, name)) continue;
    for (;;) {
      const std::size_t comma = rest.find(',');
      if (equal_ignoring_case(detail::trim(rest.substr(0, comma)), token)) return true;
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

void append_head(std::string& out, const request& message) {
  if (message.method.empty() || !all_are(message.method, detail::token_character)) {
    throw std::invalid_argument("http: not a method: \"" + message.method + '"');
  }
  if (message.target.empty() || !all_are(message.target, detail::target_character)) {
    throw std::invalid_argument("http: not a request target (percent-encode it first): \"" + message.target + '"');
  }
  out.append(message.method).append(" ").append(message.target);
  out.append(message.version_minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  out.append(message.fields.text()).append("\r\n");
}

void append_head(std::string& out, const response& message) {
  detail::check_status_line(message);
  const std::size_t before = out.size();
  out.resize(before + detail::most_of_status_line + message.reason.size());
  const char* const end = detail::put_status_line(out.data() + before, message.version_minor, message);
  out.resize(static_cast<std::size_t>(end - out.data()));
  out.append(message.fields.text()).append("\r\n");
}

void detail::check_status_line(const response& message) {
  if (message.status < 100 || message.status > 999) {
    throw std::invalid_argument("http: a status has three digits, not " + std::to_string(message.status));
  }
  if (!message.reason.empty() && !all_are(message.reason, value_character)) {
    throw std::invalid_argument("http: a reason phrase with a control character");
  }
}

char* detail::put_status_line(char* to, int version_minor, const response& message) noexcept {
  const int status = message.status;
  if (status == 200 && message.reason.empty() && version_minor == 1) return put(to, "HTTP/1.1 200 OK\r\n");
  to = put(to, version_minor == 0 ? "HTTP/1.0 " : "HTTP/1.1 ");
  for (const int unit : {100, 10, 1}) *to++ = static_cast<char>('0' + status / unit % 10);
  *to++ = ' ';
  to = put(to, message.reason.empty() ? reason_phrase(status) : std::string_view(message.reason));
  return put(to, "\r\n");
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 305:
      return "Use Proxy";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace ringmill::http
