// barrier: a number of tasks wait for each other, again and again.
#pragma once

#include <cstddef>
#include <stdexcept>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {

/// When the last of `parties` has arrived all of them go on, and the next round begins. A waiter that is cancelled
/// takes its arrival back; one that was let go cannot. Must outlive its waiters.
class barrier {
 public:
  class [[nodiscard]] arrive_awaiter {
   public:
    explicit arrive_awaiter(barrier& owner) noexcept : barrier_(owner) {}
    arrive_awaiter(const arrive_awaiter& other) noexcept : barrier_(other.barrier_) {}
    bool await_ready() const noexcept {
      if (barrier_.arrived_ + 1 != barrier_.parties_) return false;
      barrier_.end_round();
      return true;
    }
    bool await_suspend(waiter& who) noexcept {
      barrier_.waiters_.park(place_, who);
      ++barrier_.arrived_;
      return true;
    }
    void await_resume() const noexcept {}
    cancel_result await_cancel(cancel_reason) noexcept {
      barrier_.waiters_.leave(place_);
      --barrier_.arrived_;
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const { out.text("a barrier", &barrier_); }

   private:
    barrier& barrier_;
    detail::parked place_;
  };

  /// Throws std::invalid_argument if `parties` is zero.
  explicit barrier(std::size_t parties) : parties_(parties) {
    if (parties == 0) throw std::invalid_argument("a barrier for nobody: it needs one party at least");
  }
  barrier(const barrier&) = delete;
  barrier& operator=(const barrier&) = delete;
  ~barrier() {
    RINGMILL_CHECK(waiters_.empty(), "a barrier was destroyed while tasks wait for it: it must outlive them");
  }

  /// co_await it: comes back when all parties have arrived; the last one does not suspend.
  arrive_awaiter arrive_and_wait() noexcept { return arrive_awaiter(*this); }

  /// How many wait in this round.
  std::size_t arrived() const noexcept { return arrived_; }
  std::size_t parties() const noexcept { return parties_; }

 private:
  void end_round() noexcept {
    arrived_ = 0;
    while (!waiters_.empty()) waiters_.wake_front();
  }

  const std::size_t parties_;
  std::size_t arrived_ = 0;  ///< as many as wait
  detail::parking_list waiters_;
};

}  // namespace ringmill
