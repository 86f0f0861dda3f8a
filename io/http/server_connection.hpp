// One connection of a server: reads requests, asks for answers, writes them, decides when it is over.
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <string>

#include <ringmill/io/http/detail/block.hpp>
#include <ringmill/io/http/detail/output.hpp>
#include <ringmill/io/http/parser.hpp>
#include <ringmill/io/http/server.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/driver.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill::http::detail {

/// Requests are answered in the order they come. Of those that came together, pipelined, each is answered at once, and
/// its response held back: they go out in one piece, before anything waits, be it a handler or the connection for more.
class server_connection {
 public:
  server_connection(const server& owner, tcp_stream peer);
  server_connection(const server_connection&) = delete;
  server_connection& operator=(const server_connection&) = delete;

  /// Until the peer or the protocol ends it. Throws std::system_error when reading fails.
  task<> run();

 private:
  bool goes_on() const noexcept;
  bool needs_bytes() const noexcept { return begin_ == end_; }
  bool holds_back() const noexcept { return !out_.empty(); }
  bool is_due() const noexcept;

  // Of a request.
  task<> read();
  void parse();
  const server::handler* next_handler();
  void invite_body();
  void next_request();

  // Of a response.
  void append(response&& message);
  void append_failure(const std::exception_ptr& error);
  void refuse(int status, std::string why);
  void give_up() noexcept;
  task<> send();
  task<> send_text();
  task<> send_text_and_body();
  void all_is_sent() noexcept;

  task<> drain();
  std::span<std::byte> whole_buffer() const noexcept;

  const server& server_;
  tcp_stream stream_;
  request_parser parser_;
  block buffer_;
  std::size_t begin_ = 0;  ///< of the bytes in the buffer that wait for the parser
  std::size_t end_ = 0;
  // Of the request that is read or handled. What it is moved into is gone when its handler has thrown.
  std::string body_;
  std::string method_;
  std::string target_;
  bool sends_body_ = true;              ///< not in answer to a HEAD
  std::optional<time_point> deadline_;  ///< of its head, then of its body; none if it comes in one piece
  bool awaits_body_ = false;
  // Of the responses that are held back.
  output out_;
  std::string large_body_;  ///< of the last one, if it is too large to be copied
  std::size_t held_back_ = 0;
  bool is_dated_ = false;  ///< one of them has asked for the date

  bool is_old_ = false;   ///< the client speaks HTTP/1.0
  bool open_ = true;      ///< more requests are welcome
  bool drains_ = false;   ///< the peer may be sending still
  bool is_lost_ = false;  ///< sending has failed or was cut off: nothing more can be said
};

}  // namespace ringmill::http::detail
