// Finds the ends of HTTP/1.1 responses, and as much of what they say as a load generator needs.
//
//   scanner.scan(input);  // takes a response, or what there is of it, from the front of `input`
//
// Deliberately not here: the fields as values, and checks of what does not decide where a response ends. A client
// takes http::response_parser, which is strict and keeps everything; this is for millions of responses to a server of
// one's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http_load {

/// Any number of responses to GET, one behind the other, split anywhere. Those with a status of 1xx are skipped.
class response_scanner {
 public:
  enum class progress {
    incomplete,  ///< all of the input was taken, more has to come
    complete,    ///< a response; what is left of the input is behind it
    malformed,   ///< nobody knows where it ends: the connection is of no more use, nor is this
  };

  progress scan(std::string_view& input);
  /// The connection has ended: complete for a response whose body goes on until then.
  progress end() noexcept;

  /// Of the response that is complete.
  int status() const noexcept { return status_; }
  /// May another response follow it? (RFC 9112 9.3)
  bool keep_alive() const noexcept { return keep_alive_ && !closes_; }

 private:
  enum class state : std::uint8_t {
    status_line,
    field_line,
    sized_body,
    open_body,
    chunk_line,
    chunk_body,
    chunk_end,
    trailer_line,
  };

  bool take_line(std::string_view& input, std::string_view& line);
  progress handle_line(std::string_view line) noexcept;
  progress status_line(std::string_view line) noexcept;
  progress field_line(std::string_view line) noexcept;
  progress connection_field(std::string_view value) noexcept;
  progress end_of_head() noexcept;
  progress chunk_line(std::string_view line) noexcept;
  progress complete() noexcept;

  state state_ = state::status_line;
  bool keep_alive_ = true;  ///< unless it closes
  bool closes_ = false;
  bool is_chunked_ = false;
  int status_ = 0;
  std::uint64_t missing_ = 0;  ///< of the body, or of the chunk
  std::optional<std::uint64_t> content_length_;
  std::size_t lines_size_ = 0;  ///< of this response
  std::string line_;            ///< the beginning of one whose end has not come
};

}  // namespace http_load
