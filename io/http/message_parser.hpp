// The part of the parsers that requests and responses share; see parser.hpp for the whole and for an example.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <ringmill/io/http/message.hpp>
#include <ringmill/io/http/parse_error.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::http {

/// How much a parser takes before it gives up. Sizes in bytes.
class parser_limits {
 public:
  parser_limits() noexcept {}
  /// One line, without its end: 8 KiB.
  parser_limits& line(std::size_t bytes) noexcept { return line_ = bytes, *this; }
  /// All lines of the head, and again all trailers: 64 KiB.
  parser_limits& head(std::size_t bytes) noexcept { return head_ = bytes, *this; }
  /// Fields in the head, and again in the trailers: 128.
  parser_limits& fields(std::size_t count) noexcept { return fields_ = count, *this; }
  /// 1xx responses before the final one: 10.
  parser_limits& informational(std::size_t count) noexcept { return informational_ = count, *this; }
  /// Chunk extensions of one message together: 4 KiB.
  parser_limits& chunk_extensions(std::size_t bytes) noexcept { return chunk_extensions_ = bytes, *this; }
  /// The body without its chunk framing: no limit.
  parser_limits& body(std::uint64_t bytes) noexcept { return body_ = bytes, *this; }

  std::size_t line() const noexcept { return line_; }
  std::size_t head() const noexcept { return head_; }
  std::size_t fields() const noexcept { return fields_; }
  std::size_t informational() const noexcept { return informational_; }
  std::size_t chunk_extensions() const noexcept { return chunk_extensions_; }
  std::uint64_t body() const noexcept { return body_; }

 private:
  std::size_t line_ = 8 * 1024;
  std::size_t head_ = 64 * 1024;
  std::size_t fields_ = 128;
  std::size_t informational_ = 10;
  std::size_t chunk_extensions_ = 4 * 1024;
  std::uint64_t body_ = INT64_MAX;
};

/// What one call of `parse` did.
class [[nodiscard]] parse_result {
 public:
  parse_result(std::size_t used, std::string_view piece) noexcept : consumed(used), body(piece) {}

  std::size_t consumed;   ///< bytes of the input that are done with
  std::string_view body;  ///< a piece of the body, without framing: a view into the input, often empty
};

namespace detail {

/// How the end of a body is found (RFC 9112 6.3).
enum class body_framing : std::uint8_t { none, content_length, chunked, until_close };

/// What requests and responses have in common: lines, fields, body framing, chunks, trailers.
class RINGMILL_API message_parser {
 public:
  virtual ~message_parser() = default;

  /// Goes on until the head is complete, a piece of body is there, the message is complete, an error, or the input is
  /// used up; the first of these. Consumes at least one byte, unless the input is empty, the message complete or there
  /// is an error. Never consumes a byte of the next message.
  parse_result parse(std::string_view input);

  /// The connection has ended. Completes a response whose body goes on until then; gives and keeps an error otherwise,
  /// which is `end_of_stream` if no byte of a message had come.
  parse_error finish() noexcept;

  /// Has the parser seen a byte of this message? (An informational response counts.)
  bool started() const noexcept { return started_; }
  bool head_complete() const noexcept { return head_complete_; }
  bool message_complete() const noexcept { return state_ == state::complete; }
  /// Sticky: `parse` consumes nothing once there is one. Converts to false when there is none.
  std::error_code error() const noexcept { return error_; }
  parse_error error_value() const noexcept { return error_; }

  /// After the head: may another message follow on this connection?
  bool keep_alive() const noexcept { return head_complete_ && persistent_ && error_ == parse_error::none; }
  /// After the head: the length of the body, if the message states it.
  std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }
  /// After the head: does a body follow (be it empty)?
  bool has_body() const noexcept { return framing_ != body_framing::none; }
  /// After the message: the fields behind a chunked body. Kept apart from the head, as RFC 9110 6.5.1 asks for.
  const fields& trailers() const noexcept { return trailers_; }

 protected:
  explicit message_parser(const parser_limits& limits) : limits_(limits) {}
  message_parser(message_parser&&) = default;
  message_parser& operator=(message_parser&&) = default;

  /// Ready for the next message. Memory is kept, but for what only an uncommonly large message needs.
  void reset_core() noexcept;

  // Where requests and responses differ.

  /// Of the message: where the fields of its head go.
  virtual fields& head_fields() noexcept = 0;
  /// Sets version_minor_, too.
  virtual parse_error start_line(std::string_view line) = 0;
  /// The same with the line that `input` begins with, if nothing is wrong with it; gives the size of it. 0: it may be
  /// wrong. Whether an end of line is behind it has still to be seen: if not, `start_line` will set the message again.
  virtual std::size_t quick_start_line(std::string_view input) = 0;
  /// All fields are there: says in framing_ how the body ends. Clearing head_complete_ makes the parser expect another
  /// head (1xx).
  virtual parse_error head_done() = 0;

  /// "HTTP/1.1" or "HTTP/1.0", into version_minor_.
  parse_error parse_version(std::string_view text) noexcept;
  bool has_transfer_encoding() const noexcept { return saw_transfer_encoding_; }
  unsigned host_count() const noexcept { return host_count_; }

  parser_limits limits_;
  int version_minor_ = 1;
  body_framing framing_ = body_framing::none;
  bool head_complete_ = false;
  bool persistent_ = true;

 private:
  enum class state : std::uint8_t {
    // What comes next is a line:
    start_line,
    field_line,
    chunk_line,
    trailer_line,
    // or something else:
    sized_body,
    open_body,
    chunk_body,
    chunk_end_cr,
    chunk_end_lf,
    complete,
  };

  bool reads_lines() const noexcept { return state_ <= state::trailer_line; }
  std::size_t take_line(std::string_view input, std::string_view& line, bool& whole);
  parse_error check_line_length(std::size_t before_line_feed) const noexcept;
  void handle_line(std::string_view line);
  std::size_t quick_lines(std::string_view input);
  std::size_t quick_start(std::string_view input);
  std::size_t quick_field(std::string_view input);
  /// A line of so many bytes, without its end, into the head?
  bool fits(std::size_t line) const noexcept {
    return line <= limits_.line() && lines_size_ + line + 2 <= limits_.head();
  }
  parse_error field_line(std::string_view line, fields& into);
  parse_error note_field(std::string_view name, std::string_view value, const fields& into);
  parse_error end_of_head();
  parse_error chunk_line(std::string_view line) noexcept;
  parse_result body_piece(std::string_view input, std::size_t used) noexcept;
  parse_result fail(parse_error error, std::size_t used) noexcept;
  void start_head() noexcept;

  fields trailers_;
  std::string line_;             ///< the beginning of a line whose end has not arrived
  std::size_t lines_size_ = 0;   ///< of the head or the trailers so far
  std::uint64_t remaining_ = 0;  ///< of the body, or of the chunk
  std::uint64_t body_left_;      ///< until the limit
  std::size_t extensions_left_;  ///< until the limit
  std::optional<std::uint64_t> content_length_;
  unsigned host_count_ = 0;
  bool saw_transfer_encoding_ = false;
  bool saw_connection_ = false;
  bool started_ = false;
  bool skipped_blank_ = false;
  state state_ = state::start_line;
  parse_error error_ = parse_error::none;
};

}  // namespace detail

}  // namespace ringmill::http
