// For tests of thread pools: a small pool, and a gate in front of which its threads wait.
#pragma once

#include <cstddef>
#include <future>
#include <stop_token>

#include <ringmill/offload/thread_pool.hpp>
#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/loop.hpp>

namespace support {

namespace rm = ringmill;

inline rm::thread_pool_options threads(std::size_t most) {
  return rm::thread_pool_options().threads(most).name("test");
}

/// What a thread waits in front of until a test lets it through. Made on a loop, which hears of each arrival.
class gate {
 public:
  /// For threads: waits until the gate is open.
  int pass() {
    home_.post([this] { arrived_.set(); });
    open_.get_future().wait();
    return 1;
  }
  /// The same, unless a stop is requested first.
  int pass_or_stop(std::stop_token token) {
    const std::stop_callback on_stop(token, [this] { open(); });
    pass();
    if (token.stop_requested()) throw rm::operation_cancelled();
    return 1;
  }
  void open() { open_.set_value(); }
  /// co_await it: until a thread is there.
  auto arrival() { return arrived_.wait(); }

 private:
  rm::loop& home_ = rm::loop::current();
  rm::event arrived_;
  std::promise<void> open_;
};

inline int pass(gate& in_front) { return in_front.pass(); }

}  // namespace support
