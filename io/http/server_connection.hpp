// One connection of a server: reads requests, asks for answers, writes them, decides when it is over.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <ringmill/io/http/parser.hpp>
#include <ringmill/io/http/server.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/driver.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill::http::detail {

/// Requests are answered in the order they come; one that is pipelined waits in the buffer until its turn.
class server_connection {
 public:
  server_connection(const server& owner, tcp_stream peer);
  server_connection(const server_connection&) = delete;
  server_connection& operator=(const server_connection&) = delete;

  /// Until the peer or the protocol ends it. Throws std::system_error and timeout_error when the peer fails.
  task<> run();

 private:
  /// How reading a request ended.
  enum class reading { complete, closed, failed, late };

  task<reading> read_request();
  task<> answer();
  task<> refuse(reading why);
  void append_head(const response& message, bool keep);
  task<> write(const response& message, bool keep, bool has_body);
  task<> continue_if_expected();
  task<> drain();
  bool is_idle() const noexcept { return !parser_.started() && begin_ == end_; }
  duration time_left(time_point deadline) const;

  const server& server_;
  tcp_stream stream_;
  request_parser parser_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  ///< of the bytes in the buffer that wait for the parser
  std::size_t end_ = 0;
  std::string body_;  ///< of the request that is read
  std::string out_;
  bool open_ = true;
};

}  // namespace ringmill::http::detail
