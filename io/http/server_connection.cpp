#include <ringmill/io/http/server_connection.hpp>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <ringmill/io/http/characters.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/timeout.hpp>

namespace ringmill::http::detail {

namespace {

constexpr std::size_t buffer_size = 16 * 1024;

/// What the peer is told about an input that the parser refused.
int status_of(parse_error error) noexcept {
  switch (error) {
    case parse_error::start_line_too_long:
      return 414;
    case parse_error::field_line_too_long:
    case parse_error::head_too_large:
    case parse_error::too_many_fields:
      return 431;
    case parse_error::body_too_large:
      return 413;
    case parse_error::unsupported_version:
      return 505;
    case parse_error::unsupported_transfer_encoding:
      return 501;
    default:
      return 400;
  }
}

/// "Date: Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7) and the end of the line, made once a second.
std::string_view date_line() {
  thread_local std::time_t made_for = -1;
  thread_local char text[48];
  thread_local std::size_t size = 0;
  const duration since_1970 = ring::current().backend().wall_clock();
  const auto now = static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(since_1970).count());
  if (now != made_for) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    // Not strftime's %a and %b: those follow the locale.
    static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char format[48];
    std::snprintf(format, sizeof format, "Date: %s, %%d %s %%Y %%H:%%M:%%S GMT\r\n", days[parts.tm_wday],
                  months[parts.tm_mon]);
    size = std::strftime(text, sizeof text, format, &parts);
    made_for = now;
  }
  return {text, size};
}

/// What the server says itself, whatever a handler has said.
bool is_framing(std::string_view name) noexcept {
  switch (name.size()) {
    case 10:
      return equal_ignoring_case(name, "connection");
    case 14:
      return equal_ignoring_case(name, "content-length");
    case 17:
      return equal_ignoring_case(name, "transfer-encoding");
    default:
      return false;
  }
}

}  // namespace

server_connection::server_connection(const server& owner, tcp_stream peer)
    : server_(owner), stream_(std::move(peer)), parser_(owner.options().limits()), buffer_(buffer_size) {}

duration server_connection::time_left(time_point deadline) const { return deadline - loop::current().now(); }

task<> server_connection::run() {
  while (open_) {
    task<reading> read = read_request();
    const reading outcome = co_await std::move(read);
    if (outcome == reading::complete) {
      task<> answered = answer();
      co_await std::move(answered);
      parser_.reset();
    } else {
      open_ = false;
      if (outcome == reading::closed) co_return;
      task<> refused = refuse(outcome);
      co_await std::move(refused);
    }
  }
}

task<server_connection::reading> server_connection::read_request() {
  const server_options& options = server_.options();
  bool was_idle = is_idle();
  bool had_head = false;
  body_.clear();
  // Of the head, then of the body. Most requests come whole, in one piece, and the clock is not read for them.
  std::optional<time_point> deadline;
  while (!parser_.message_complete() && parser_.error_value() == parse_error::none) {
    if (begin_ == end_) {
      begin_ = end_ = 0;
      const auto room = std::as_writable_bytes(std::span(buffer_));
      try {
        if (was_idle) {
          end_ = co_await with_timeout(options.idle_timeout(), stream_.read_some(room));
        } else {
          if (!deadline) deadline = saturating_add(loop::current().now(), options.head_timeout());
          end_ = co_await with_deadline(*deadline, stream_.read_some(room));
        }
      } catch (const timeout_error&) {
        co_return was_idle ? reading::closed : reading::late;
      }
      if (end_ == 0) co_return reading::closed;
      was_idle = false;
    }
    const parse_result step = parser_.parse(std::string_view(buffer_.data() + begin_, end_ - begin_));
    begin_ += step.consumed;
    body_.append(step.body);
    if (!had_head && parser_.head_complete() && !parser_.message_complete()) {
      had_head = true;
      deadline = saturating_add(loop::current().now(), options.body_timeout());
      task<> continued = continue_if_expected();
      co_await std::move(continued);
    }
  }
  co_return parser_.error_value() == parse_error::none ? reading::complete : reading::failed;
}

/// A client that asked whether it may send its body is told so, unless it has begun already (RFC 9110 10.1.1).
task<> server_connection::continue_if_expected() {
  const request& message = parser_.message();
  const auto expects = message.fields.find("expect");
  if (!expects || message.version_minor == 0 || begin_ != end_ || !equal_ignoring_case(*expects, "100-continue"))
    co_return;
  co_await with_timeout(server_.options().write_timeout(), stream_.write_all("HTTP/1.1 100 Continue\r\n\r\n"));
}

task<> server_connection::answer() {
  const bool keep = parser_.keep_alive();
  request message = parser_.take();
  message.body = std::move(body_);
  const bool wants_body = message.method != "HEAD";
  const auto expects = message.fields.find("expect");
  response given(417);
  if (!expects || equal_ignoring_case(*expects, "100-continue")) {
    task<> answering = server_.answer(message, given);
    co_await std::move(answering);
  }
  given.version_minor = 1;
  const bool has_body = given.status != 204 && given.status != 304;
  task<> written = write(given, keep, wants_body && has_body);
  co_await std::move(written);
}

task<> server_connection::refuse(reading why) {
  const int status = why == reading::late ? 408 : status_of(parser_.error_value());
  response told(status);
  told.body = why == reading::late ? "request timeout" : parser_.error().message();
  told.body += '\n';
  told.fields.add("Content-Type", "text/plain");
  task<> written = write(told, false, true);
  co_await std::move(written);
  task<> drained = drain();
  co_await std::move(drained);
}

/// Into out_: what the handler has said but for the framing, and the rest.
void server_connection::append_head(const response& message, bool keep) {
  append_status_line(out_, message);
  bool has_date = false;
  for (const auto [name, value] : message.fields) {
    if (is_framing(name)) continue;
    has_date = has_date || equal_ignoring_case(name, "date");
    out_.append(name).append(": ").append(value).append("\r\n");
  }
  if (!has_date) out_.append(date_line());
  if (message.status != 204 && message.status != 304) {
    char digits[24];
    char* const end = std::to_chars(digits, std::end(digits), message.body.size()).ptr;
    out_.append("Content-Length: ").append(digits, end).append("\r\n");
  }
  out_.append(keep ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

task<> server_connection::write(const response& message, bool keep, bool has_body) {
  keep = keep && !message.fields.contains_token("connection", "close");
  open_ = open_ && keep;
  out_.clear();
  append_head(message, keep);
  // A small body goes out with the head; copying a large one would cost more than the second system call.
  const bool in_one = message.body.size() <= buffer_size;
  if (has_body && in_one) out_ += message.body;
  const duration limit = server_.options().write_timeout();
  co_await with_timeout(limit, stream_.write_all(out_));
  if (has_body && !in_one) co_await with_timeout(limit, stream_.write_all(message.body));
}

/// Reads on for a while before closing: closing with unread bytes makes the kernel send a reset, and that can destroy
/// the response on its way (RFC 9112 9.6).
task<> server_connection::drain() {
  stream_.shutdown_write();
  const time_point deadline = saturating_add(loop::current().now(), std::chrono::seconds(1));
  const auto room = std::as_writable_bytes(std::span(buffer_));
  for (std::size_t drained = 0; drained < 256 * 1024;) {
    const duration left = time_left(deadline);
    const std::size_t n = co_await with_timeout(left, stream_.read_some(room));
    if (n == 0) co_return;
    drained += n;
  }
}

}  // namespace ringmill::http::detail
