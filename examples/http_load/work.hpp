// What all connections of a load have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <ringmill/ringmill.hpp>

#include "http_load/answers.hpp"
#include "http_load/measurement.hpp"
#include "http_load/settings.hpp"

namespace http_load {

class work {
 public:
  work(const settings& how, measurement& results);
  work(const work&) = delete;
  work& operator=(const work&) = delete;

  /// `count` requests, at most settings::pipeline of them, as they are sent.
  std::string_view wire(std::size_t count) const noexcept {
    return std::string_view(wire_).substr(0, count * request_size_);
  }
  std::unique_ptr<answers> new_answers() const;

  bool has_requests() const noexcept { return to_send_ > 0; }
  /// Up to `most` of those that are still to be sent.
  std::size_t take_requests(std::size_t most) noexcept;
  /// They were not answered, and have to be sent again.
  void give_back_requests(std::size_t count) noexcept { to_send_ += count; }
  void one_answered() noexcept {
    if (--to_answer_ == 0) all_answered.set();
  }

  bool is_open_loop() const noexcept { return how.rate.has_value(); }
  /// Open loop: when the first request of a connection is due, the connections taking turns, if the first of all is due
  /// at `start`; and how long it is from each to the next.
  ringmill::time_point first_due(std::size_t connection, ringmill::time_point start) const noexcept;
  ringmill::duration interval() const noexcept;

  const settings how;
  measurement& results;
  ringmill::event all_answered;

 private:
  std::string wire_;
  std::size_t request_size_;
  std::uint64_t to_send_;
  std::uint64_t to_answer_;
};

}  // namespace http_load
