// The limits of an HTTP server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

#include <ringmill/io/http/message.hpp>
#include <ringmill/io/http/message_parser.hpp>
#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::http {

/// Setters chain: `server_options().max_body(10 << 20).idle_timeout(5s)`.
class server_options {
 public:
  /// Gets what a handler threw, and the request it was for.
  using error_handler = std::function<void(std::exception_ptr error, const request& about)>;

  server_options() {}
  /// From the first byte of a request to the end of its head, else 408: 10 s.
  server_options& head_timeout(duration limit) noexcept { return head_timeout_ = limit, *this; }
  /// From there to the end of its body, else 408: 60 s.
  server_options& body_timeout(duration limit) noexcept { return body_timeout_ = limit, *this; }
  /// How long a connection may stay silent between two requests: 60 s.
  server_options& idle_timeout(duration limit) noexcept { return idle_timeout_ = limit, *this; }
  /// How long a client may take to receive one response, or several that go out together: 60 s.
  server_options& write_timeout(duration limit) noexcept { return write_timeout_ = limit, *this; }
  /// Connections at a time; more wait in the listener's queue: 10,000.
  server_options& max_connections(std::size_t count) noexcept { return max_connections_ = count, *this; }
  /// What a request may measure: its body 1 MiB, the rest as parser_limits has it.
  server_options& limits(const parser_limits& limits) noexcept { return limits_ = limits, *this; }
  /// The largest body, in bytes, else 413: 1 MiB.
  server_options& max_body(std::uint64_t bytes) noexcept { return limits_.body(bytes), *this; }
  /// Told when a handler throws, in place of a line on standard error. The client gets its 500 even if this throws as
  /// well; the line is written then after all.
  server_options& on_error(error_handler handler) { return on_error_ = std::move(handler), *this; }

  duration head_timeout() const noexcept { return head_timeout_; }
  duration body_timeout() const noexcept { return body_timeout_; }
  duration idle_timeout() const noexcept { return idle_timeout_; }
  duration write_timeout() const noexcept { return write_timeout_; }
  std::size_t max_connections() const noexcept { return max_connections_; }
  const parser_limits& limits() const noexcept { return limits_; }
  const error_handler& on_error() const noexcept { return on_error_; }

 private:
  duration head_timeout_ = std::chrono::seconds(10);
  duration body_timeout_ = std::chrono::seconds(60);
  duration idle_timeout_ = std::chrono::seconds(60);
  duration write_timeout_ = std::chrono::seconds(60);
  std::size_t max_connections_ = 10000;
  parser_limits limits_ = parser_limits().body(1 << 20);
  error_handler on_error_;
};

}  // namespace ringmill::http
