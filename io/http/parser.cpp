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
  if (method == "CONNECT") return detail::all_are(target, detail::host_character) && target.find(':') != target.npos;
  if (target.front() == '/') return true;
  if (target == "*") return method == "OPTIONS";
  const std::size_t scheme = target.find("://");
  return scheme != target.npos && scheme > 0 && std::all_of(target.begin(), target.begin() + scheme, detail::is_alnum);
}

/// Why it has not the form METHOD TARGET VERSION.
parse_error explain_bad_start(std::string_view line) noexcept {
  const std::size_t first = line.find(' ');
  if (first == line.npos || line.find(' ', first + 1) == line.npos) return parse_error::invalid_start_line;
  const std::string_view method = line.substr(0, first);
  if (method.empty() || !detail::all_are(method, detail::token_character)) return parse_error::invalid_method;
  return parse_error::invalid_target;
}

}  // namespace

parse_error request_parser::start_line(std::string_view line) {
  const std::string_view method = line.substr(0, detail::count_leading(line, detail::token_character));
  const std::string_view behind_method = line.substr(method.size());
  if (method.empty() || !behind_method.starts_with(' ')) return explain_bad_start(line);
  std::string_view target = behind_method.substr(1);
  target = target.substr(0, detail::count_leading(target, detail::target_character));
  const std::string_view behind_target = behind_method.substr(1 + target.size());
  if (target.empty() || !behind_target.starts_with(' ') || !is_target(method, target)) return explain_bad_start(line);
  if (const parse_error error = parse_version(behind_target.substr(1)); error != parse_error::none) return error;
  message_.method.assign(method);
  message_.target.assign(target);
  message_.version_minor = version_minor_;
  return parse_error::none;
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
