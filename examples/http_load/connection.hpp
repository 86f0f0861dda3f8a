// One connection of a load: sends requests, takes the answers, connects again when it is lost.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <ringmill/ringmill.hpp>

#include "http_load/work.hpp"

namespace http_load {

class connection {
 public:
  explicit connection(work& shared) noexcept : work_(shared) {}
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Throws std::system_error, or timeout_error.
  ringmill::task<> connect();
  /// Until there is nothing left to send; connects first, if need be, and again whenever the connection is lost. In an
  /// open loop, the first request is due at `first_due`.
  ringmill::task<> run(ringmill::time_point first_due);

  /// Ends what has waited for an answer for too long, as a failure of this connection.
  void give_up_if_late(ringmill::time_point now) noexcept;
  /// Open loop, when it has ended: what was due before `end` and is not answered.
  void count_unanswered(ringmill::time_point end) noexcept;

 private:
  ringmill::task<> try_once();
  ringmill::task<> converse();
  std::size_t due_requests(ringmill::time_point now) noexcept;
  void skip_backlog_of_warmup() noexcept;
  bool take(std::string_view input);
  bool take_end();
  bool accept(answer made, ringmill::time_point now);
  bool lose(failure how, const std::string& what);

  work& work_;
  ringmill::tcp_stream stream_;
  std::unique_ptr<answers> answers_;
  std::size_t pending_ = 0;             ///< requests sent and not answered
  ringmill::time_point due_;            ///< when the request should have been sent that is answered next
  ringmill::duration interval_{};       ///< from that one to the next; 0 in a closed loop
  ringmill::time_point waiting_since_;  ///< for the next answer
  std::uint64_t answered_ = 0;
  bool gave_up_ = false;
  std::array<std::byte, 16 * 1024> buffer_;
};

}  // namespace http_load
