#include <ringmill/io/http/parser.hpp>

#include <algorithm>

#include <ringmill/io/http/characters.hpp>
#include <ringmill/io/http/detail/kept_memory.hpp>

namespace ringmill::http {

request_parser::request_parser(const parser_limits& limits) : message_parser(limits) { reset_core(); }

void request_parser::reset() noexcept {
  reset_core();
  detail::make_empty(message_.body);
}

namespace {

/// Is `target`, of characters that a target may have, of a form that `method` may have (RFC 9112 3.2)?
bool is_target(std::string_view method, std::string_view target) noexcept {
  if (target.front() == '/') return method != "CONNECT";
  if (method == "CONNECT") return detail::all_are(target, detail::host_character) && target.find(':') != target.npos;
  if (target == "*") return method == "OPTIONS";
  const std::size_t scheme = target.find("://");
  return scheme != target.npos && scheme > 0 && std::all_of(target.begin(), target.begin() + scheme, detail::is_alnum);
}

}  // namespace

/// METHOD TARGET VERSION, whatever is behind.
std::size_t request_parser::quick_start_line(std::string_view input) {
  using detail::behind_leading;
  constexpr std::string_view before_minor = " HTTP/1.";
  const char* const begin = input.data();
  const char* const end = begin + input.size();
  const char* const behind_method = behind_leading(detail::token_character, begin, end);
  if (behind_method == begin || behind_method == end || *behind_method != ' ') return 0;
  const char* const behind_target = behind_leading(detail::target_character, behind_method + 1, end);
  const std::string_view method(begin, behind_method);
  const std::string_view target(behind_method + 1, behind_target);
  const std::string_view version(behind_target, end);
  if (version.size() <= before_minor.size() || !version.starts_with(before_minor)) return 0;
  const int minor = version[before_minor.size()] - '0';
  if ((minor != 0 && minor != 1) || target.empty() || !is_target(method, target)) return 0;
  message_.method.assign(method);
  message_.target.assign(target);
  message_.version_minor = version_minor_ = minor;
  return input.size() - version.size() + before_minor.size() + 1;
}

parse_error request_parser::start_line(std::string_view line) {
  if (quick_start_line(line) == line.size() && !line.empty()) return parse_error::none;
  const std::size_t first = line.find(' ');
  const std::size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second == line.npos) return parse_error::invalid_start_line;
  const std::string_view method = line.substr(0, first);
  if (method.empty() || !detail::all_are(method, detail::token_character)) return parse_error::invalid_method;
  const std::string_view target = line.substr(first + 1, second - first - 1);
  if (target.empty() || !detail::all_are(target, detail::target_character) || !is_target(method, target)) {
    return parse_error::invalid_target;
  }
  return parse_version(line.substr(second + 1));  // it is the only part that is left to be wrong
}

parse_error request_parser::head_done() {
  if (host_count() == 0 && version_minor_ == 1) return parse_error::missing_host;
  return parse_error::none;
}

response_parser::response_parser(const parser_limits& limits) : message_parser(limits) { reset_core(); }

void response_parser::reset(std::string_view request_method) noexcept {
  reset_core();
  detail::make_empty(message_.body);
  informational_ = 0;
  to_head_ = request_method == "HEAD";
  to_connect_ = request_method == "CONNECT";
}

std::size_t response_parser::quick_start_line(std::string_view input) {
  const std::size_t size = input.find('\r');
  return size != input.npos && start_line(input.substr(0, size)) == parse_error::none ? size : 0;
}

parse_error response_parser::start_line(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == line.npos) return parse_error::invalid_start_line;
  if (const parse_error error = parse_version(line.substr(0, space)); error != parse_error::none) return error;
  const std::string_view rest = line.substr(space + 1);
  if (rest.size() < 3 || (rest.size() > 3 && rest[3] != ' ')) return parse_error::invalid_status;
  int status = 0;
  for (const char c : rest.substr(0, 3)) {
    if (c < '0' || c > '9') return parse_error::invalid_status;
    status = status * 10 + (c - '0');
  }
  if (status < 100) return parse_error::invalid_status;
  const std::string_view reason = rest.size() > 3 ? rest.substr(4) : std::string_view();
  if (!detail::all_are(reason, detail::value_character)) return parse_error::invalid_start_line;
  message_.status = status;
  message_.reason.assign(reason);
  message_.version_minor = version_minor_;
  return parse_error::none;
}

parse_error response_parser::head_done() {
  const int status = message_.status;
  if (status < 200 && status != 101) {
    if (++informational_ > limits_.informational()) return parse_error::too_many_informational_responses;
    head_complete_ = false;
    return parse_error::none;
  }
  const bool becomes_tunnel = status == 101 || (to_connect_ && status < 300);
  if (becomes_tunnel) persistent_ = false;
  if (becomes_tunnel || to_head_ || status == 204 || status == 304) {
    framing_ = detail::body_framing::none;
  } else if (framing_ == detail::body_framing::none) {
    framing_ = detail::body_framing::until_close;
  }
  return parse_error::none;
}

}  // namespace ringmill::http
