// latch: waits until something has happened a number of times. Once; a barrier can be used again.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {

/// Counts down to zero, and then lets all through, for ever. Must outlive its waiters.
class latch {
 public:
  class [[nodiscard]] wait_awaiter {
   public:
    explicit wait_awaiter(latch& owner) noexcept : latch_(owner) {}
    wait_awaiter(const wait_awaiter& other) noexcept : latch_(other.latch_) {}
    bool await_ready() const noexcept { return latch_.left_ == 0; }
    bool await_suspend(waiter& who) noexcept {
      latch_.waiters_.park(place_, who);
      return true;
    }
    void await_resume() const noexcept {}
    cancel_result await_cancel(cancel_reason) noexcept {
      latch_.waiters_.leave(place_);
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const {
      out.text("a latch with " + std::to_string(latch_.left_) + " to go", &latch_);
    }

   private:
    latch& latch_;
    detail::parked place_;
  };

  /// With a count of zero nobody ever waits.
  explicit latch(std::size_t count) noexcept : left_(count) {}
  latch(const latch&) = delete;
  latch& operator=(const latch&) = delete;
  ~latch() { RINGMILL_CHECK(waiters_.empty(), "a latch was destroyed while tasks wait for it: it must outlive them"); }

  /// Only enqueues. Throws std::logic_error, and changes nothing, if fewer than `count` are left.
  void count_down(std::size_t count = 1) {
    if (count > left_) {
      throw std::logic_error("latch::count_down(" + std::to_string(count) + ") with " + std::to_string(left_) +
                             " to go: more have arrived than it was made for");
    }
    left_ -= count;
    if (left_ != 0) return;
    while (!waiters_.empty()) waiters_.wake_front();
  }

  /// co_await it: comes back when the count is zero; suspends only if it is not.
  wait_awaiter wait() noexcept { return wait_awaiter(*this); }

  /// Counts down by one, in this call, as count_down does; co_await the rest. A cancel ends the waiting, the arrival
  /// stays.
  wait_awaiter arrive_and_wait() {
    count_down();
    return wait();
  }

  /// How many are to go.
  std::size_t left() const noexcept { return left_; }

 private:
  std::size_t left_;
  detail::parking_list waiters_;
};

}  // namespace ringmill
