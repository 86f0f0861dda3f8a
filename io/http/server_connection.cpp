#include <ringmill/io/http/server_connection.hpp>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <utility>

#include <ringmill/io/const_buffer.hpp>
#include <ringmill/io/http/characters.hpp>
#include <ringmill/io/http/detail/handler_awaiter.hpp>
#include <ringmill/io/http/detail/kept_memory.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/timeout.hpp>

namespace ringmill::http::detail {

namespace {

constexpr std::size_t buffer_size = 16 * 1024;

// Responses to pipelined requests wait for each other no longer than until there are so many, and no more than so many
// bytes of them: what a connection holds, and how long it works before it gives way, is bounded.
constexpr std::size_t most_held_back = 32;
constexpr std::size_t most_bytes_held_back = 64 * 1024;
/// A larger body is sent from where it lies.
constexpr std::size_t most_copied = 16 * 1024;
/// For what is still to be sent, or on its way, when a connection ends.
constexpr duration time_to_part = std::chrono::seconds(1);

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

/// "Date: Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7) and the end of the line, made once a second. Only with
/// `look_at_clock`: else the one that was made last.
std::string_view date_line(bool look_at_clock) {
  thread_local std::time_t made_for = -1;
  thread_local char text[48];
  thread_local std::size_t size = 0;
  if (!look_at_clock) return {text, size};
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

std::span<std::byte> server_connection::whole_buffer() const noexcept {
  return std::as_writable_bytes(std::span(buffer_.get(), buffer_size));
}

task<> server_connection::run() {
  // Whatever ends the server, what handlers have answered by then goes out.
  const auto sending = [this] { return shield(time_to_part, send()); };
  while (goes_on()) {
    if (needs_bytes()) {
      task<> was_read = read();
      co_await std::move(was_read);
    }
    if (const server::handler* const handler = next_handler()) {
      try {
        task<response> answering = (*handler)(std::move(parser_.message()));
        handler_awaiter answered(answering, holds_back(), sending);
        co_await std::move(answered);
        response& given = answering.result_in_place();
        server::check(given);
        append(std::move(given));
      } catch (...) {
        append_failure(std::current_exception());
      }
      next_request();
    }
    if (is_due()) {
      auto sent = sending();
      co_await std::move(sent);
    }
  }
  if (is_lost_ || !drains_) co_return;
  task<> drained = drain();
  co_await std::move(drained);
}

bool server_connection::goes_on() const noexcept { return open_ && !is_lost_ && !current_cancel_reason(); }

/// What is held back has to go out: nothing comes behind it, or not before the client says more, or it is enough.
bool server_connection::is_due() const noexcept {
  if (!holds_back() || is_lost_) return false;
  return !goes_on() || needs_bytes() || out_.size() >= most_bytes_held_back || held_back_ >= most_held_back ||
         !large_body_.empty();
}

/// That of the next request, if it is there in full. What needs none is answered here.
const server::handler* server_connection::next_handler() {
  if (!goes_on()) return nullptr;
  try {
    parse();
    if (parser_.error_value() != parse_error::none) {
      refuse(status_of(parser_.error_value()), parser_.error().message());
      return nullptr;
    }
    if (!parser_.message_complete()) {
      invite_body();
      return nullptr;
    }
    request& message = parser_.message();
    if (!body_.empty()) message.body = std::move(body_);
    method_.assign(message.method);
    target_.assign(message.target);
    sends_body_ = std::string_view(message.method) != "HEAD";
    is_old_ = message.version_minor == 0;
    open_ = parser_.keep_alive();
    if (const server::handler* const found = server_.find_handler(message)) return found;
    append(server_.refuse(message));
    next_request();
  } catch (const std::bad_alloc&) {
    give_up();
  }
  return nullptr;
}

/// Takes what is in the buffer, up to the end of a request.
void server_connection::parse() {
  while (begin_ != end_ && !parser_.message_complete() && parser_.error_value() == parse_error::none) {
    const parse_result step = parser_.parse(std::string_view(buffer_.get() + begin_, end_ - begin_));
    begin_ += step.consumed;
    if (!step.body.empty()) body_.append(step.body);
  }
}

/// The one before has been answered.
void server_connection::next_request() {
  parser_.reset();
  make_empty(body_);
  sends_body_ = true;
  deadline_.reset();
  awaits_body_ = false;
  // Whatever came behind the last one is not answered.
  drains_ = !open_ && begin_ != end_;
}

/// A client that asked whether it may send its body is told so, unless it has begun already (RFC 9110 10.1.1).
void server_connection::invite_body() {
  if (awaits_body_ || !parser_.head_complete()) return;
  const request& message = parser_.message();
  const auto expects = message.fields.find("expect");
  if (!expects || message.version_minor == 0 || !body_.empty() || !equal_ignoring_case(*expects, "100-continue"))
    return;
  out_.append("HTTP/1.1 100 Continue\r\n\r\n");
}

/// Waits for more of a request. The buffer is empty, and nothing is held back.
task<> server_connection::read() {
  const server_options& options = server_.options();
  const bool is_idle = !parser_.started();
  if (!is_idle) {
    const bool begins_body = parser_.head_complete() && !awaits_body_;
    if (begins_body) deadline_ = saturating_add(loop::current().now(), options.body_timeout());
    if (!deadline_) deadline_ = saturating_add(loop::current().now(), options.head_timeout());
    awaits_body_ = awaits_body_ || begins_body;
  }
  begin_ = end_ = 0;
  try {
    if (is_idle) {
      end_ = co_await with_timeout(options.idle_timeout(), stream_.read_some(whole_buffer()));
    } else {
      end_ = co_await with_deadline(*deadline_, stream_.read_some(whole_buffer()));
    }
    open_ = end_ > 0;
  } catch (const timeout_error&) {
    open_ = false;
    if (!is_idle) refuse(408, "request timeout");
  }
}

/// All that is held back. What goes wrong is the peer's, and it is the one who does not hear of it.
task<> server_connection::send() { return large_body_.empty() ? send_text() : send_text_and_body(); }

// Two, since a list of buffers makes for a frame that is too large for the free lists.

task<> server_connection::send_text() {
  is_lost_ = true;  // until the kernel has it: when this is cut off a part may have been sent
  try {
    co_await with_timeout(server_.options().write_timeout(), stream_.write_all(out_.text()));
  } catch (const std::exception&) {
    co_return;
  }
  all_is_sent();
}

task<> server_connection::send_text_and_body() {
  is_lost_ = true;
  try {
    const const_buffer parts[] = {out_.text(), large_body_};
    co_await with_timeout(server_.options().write_timeout(), stream_.write_all(parts));
  } catch (const std::exception&) {
    co_return;
  }
  make_empty(large_body_);
  all_is_sent();
}

void server_connection::all_is_sent() noexcept {
  is_lost_ = false;
  out_.clear(most_kept);
  held_back_ = 0;
  is_dated_ = false;
}

/// Behind what is held back: what the handler has said but for the framing, and the rest. All of it, or an exception.
void server_connection::append(response&& message) {
  const bool may_have_body = message.status != 204 && message.status != 304;
  const bool has_body = may_have_body && sends_body_;
  std::string& body = message.body;
  // A small body goes out with the head; a large one is not worth a copy.
  const bool is_large = has_body && body.size() > most_copied;
  const std::string_view copied = has_body && !is_large ? std::string_view(body) : std::string_view();
  constexpr std::size_t most_framing = most_of_status_line + 128;  // Date, Content-Length, Connection
  char* to = out_.room(most_framing + message.reason.size() + message.fields.text().size() + copied.size());
  constexpr int version_minor = 1;  // whatever the client speaks (RFC 9112 2.3)
  to = put_status_line(to, version_minor, message);
  bool has_date = false;
  bool has_framing = false;
  for (const auto [name, value] : message.fields) {
    if (is_framing(name)) {
      has_framing = true;
      continue;
    }
    has_date = has_date || equal_ignoring_case(name, "date");
    // As it stands in the list: with ": " and the end of its line.
    to = put(to, std::string_view(name.data(), name.size() + value.size() + 4));
  }
  if (!has_date) to = put(to, date_line(!std::exchange(is_dated_, true)));
  if (may_have_body) {
    to = put(to, "Content-Length: ");
    to = std::to_chars(to, to + 20, body.size()).ptr;
    to = put(to, "\r\n");
  }
  if (has_framing && message.fields.contains_token("connection", "close")) open_ = false;
  // To keep the connection is what HTTP/1.1 does anyway (RFC 9112 9.3).
  if (!open_) to = put(to, "Connection: close\r\n");
  if (open_ && is_old_) to = put(to, "Connection: keep-alive\r\n");
  to = put(to, "\r\n");
  out_.end_at(put(to, copied));
  if (is_large) large_body_ = std::move(body);
  ++held_back_;
}

/// That of a handler which threw.
void server_connection::append_failure(const std::exception_ptr& error) {
  try {
    append(server_.failed(error, method_, target_));
  } catch (const std::bad_alloc&) {
    give_up();
  }
}

/// There is no memory for the next response: those before it are sent, and that is the end.
void server_connection::give_up() noexcept {
  open_ = false;
  drains_ = true;
}

/// Of what is not understood, or does not come: nothing behind it is looked at.
void server_connection::refuse(int status, std::string why) {
  response told(status, std::move(why) + '\n');
  told.fields.add("Content-Type", "text/plain");
  open_ = false;
  drains_ = true;
  append(std::move(told));
}

/// Reads on for a while before closing: closing with unread bytes makes the kernel send a reset, and that can destroy
/// the response on its way (RFC 9112 9.6).
task<> server_connection::drain() {
  stream_.shutdown_write();
  const time_point deadline = saturating_add(loop::current().now(), time_to_part);
  for (std::size_t drained = 0; drained < 256 * 1024;) {
    const std::size_t n = co_await with_deadline(deadline, stream_.read_some(whole_buffer()));
    if (n == 0) co_return;
    drained += n;
  }
}

}  // namespace ringmill::http::detail
