// Strict, incremental HTTP/1.1 parsers (RFC 9112) that do no I/O: bytes go in, a head and pieces of a body come out.
//
//   http::request_parser parser;
//   while (!parser.message_complete() && !parser.error()) {
//     std::string_view input = ...;                        // whatever has arrived
//     while (!input.empty() && !parser.message_complete() && !parser.error()) {
//       const http::parse_result step = parser.parse(input);
//       input.remove_prefix(step.consumed);
//       body.append(step.body);
//     }                                                    // what is left of input belongs to the next message
//   }
//
// Where RFC 9112 lets a recipient choose between repairing and refusing, these refuse: a message that two programs may
// read differently is how requests are smuggled. The answer is the same wherever the input is split.
//
// Deliberately not here: any transfer coding but chunked, obs-fold, HTTP/0.9, and the meaning of any field but Host,
// Connection, Content-Length and Transfer-Encoding.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include <ringmill/io/http/message.hpp>
#include <ringmill/io/http/message_parser.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::http {

/// Parses requests, one after the other. One empty line before a request is skipped (RFC 9112 2.2).
class RINGMILL_API request_parser final : public detail::message_parser {
 public:
  explicit request_parser(const parser_limits& limits = parser_limits());

  /// Complete once head_complete(); its body stays empty, the pieces come out of `parse`.
  const request& message() const noexcept { return message_; }
  /// The same, to be changed or to be moved from.
  request& message() noexcept { return message_; }
  /// Ready for the next request on the same connection; an error is forgotten too.
  void reset() noexcept;

 private:
  fields& head_fields() noexcept override { return message_.fields; }
  parse_error start_line(std::string_view line) override;
  std::size_t quick_start_line(std::string_view input) override;
  parse_error head_done() override;
  request message_;
};

/// Parses responses. Informational ones (1xx, but for 101) are skipped, up to the limit. A status line may end right
/// behind the status, without the space that should follow it: many servers send that, and it is not ambiguous.
class RINGMILL_API response_parser final : public detail::message_parser {
 public:
  explicit response_parser(const parser_limits& limits = parser_limits());

  /// As request_parser::message.
  const response& message() const noexcept { return message_; }
  response& message() noexcept { return message_; }
  /// Ready for the response to a request with that method, which decides whether a body follows (HEAD, CONNECT).
  void reset(std::string_view request_method = "GET") noexcept;

 private:
  fields& head_fields() noexcept override { return message_.fields; }
  parse_error start_line(std::string_view line) override;
  std::size_t quick_start_line(std::string_view input) override;
  parse_error head_done() override;
  response message_;
  std::size_t informational_ = 0;
  bool to_head_ = false;
  bool to_connect_ = false;
};

}  // namespace ringmill::http
