// limiter: so many per interval, and short bursts of more.
//
//   rm::limiter polite(5, 1s);  // five requests per second
//   co_await polite.acquire();
//   co_await fetch(url);
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {

namespace detail {

/// The arithmetic of a limiter: a bucket of `burst` tokens, full at first, into which `permits` per `interval` drip
/// evenly. Exact: fractions of a token are kept as an integer, so that nothing is lost however often it is looked at.
class token_bucket {
 public:
  token_bucket(std::size_t permits, duration interval, std::size_t burst)
      : tokens_(checked(burst, "burst")), burst_(tokens_) {
    if (interval <= duration::zero()) throw std::invalid_argument("limiter: the interval must be longer than zero");
    const std::int64_t given = checked(permits, "permits");
    const std::int64_t common = std::gcd(given, interval.count());
    permits_ = given / common;
    interval_ = interval.count() / common;
    if (permits_ > most / interval_ - 1) {
      throw std::invalid_argument(
          "limiter: permits times nanoseconds of the interval overflow; give both for a shorter time");
    }
  }

  /// Up to `now`.
  void refill(time_point now) noexcept {
    if (now <= filled_at_) return;
    const std::int64_t elapsed = (now - filled_at_).count();
    filled_at_ = now;
    const std::int64_t room = burst_ - tokens_;
    const std::int64_t intervals = elapsed / interval_;
    if (intervals <= room / permits_) {  // else it is full, and the products below could overflow
      const std::int64_t parts = elapsed % interval_ * permits_ + parts_;
      const std::int64_t gained = intervals * permits_ + parts / interval_;
      if (gained < room) {
        tokens_ += gained;
        parts_ = parts % interval_;
        return;
      }
    }
    tokens_ = burst_;
    parts_ = 0;
  }

  bool take(std::int64_t count) noexcept {
    if (tokens_ < count) return false;
    tokens_ -= count;
    return true;
  }

  /// When there will be `count` tokens, more than there are now.
  time_point when(std::int64_t count) const noexcept {
    const std::int64_t missing = count - tokens_;
    const std::int64_t intervals = missing / permits_;
    if (intervals >= most / interval_) return time_point::max();
    // Rounded up; negative if the parts that are there are more than the rest.
    const std::int64_t rest = missing % permits_ * interval_ - parts_;
    const std::int64_t rest_time = rest > 0 ? (rest - 1) / permits_ + 1 : rest / permits_;
    return saturating_add(filled_at_, duration(intervals * interval_ + rest_time));
  }

  std::int64_t tokens() const noexcept { return tokens_; }
  std::int64_t burst() const noexcept { return burst_; }

 private:
  static constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

  static std::int64_t checked(std::size_t count, const char* what) {
    if (count == 0 || count > static_cast<std::size_t>(most)) {
      throw std::invalid_argument("limiter: " + std::to_string(count) + " is no number of " + what);
    }
    return static_cast<std::int64_t>(count);
  }

  std::int64_t tokens_;
  std::int64_t parts_ = 0;  ///< of a token: `interval_` of them make one; zero if it is full
  std::int64_t burst_;
  std::int64_t permits_ = 1;   ///< both divided by what they have in common
  std::int64_t interval_ = 1;  ///< nanoseconds
  time_point filled_at_;
};

}  // namespace detail

/// A token bucket on the loop's clock: in any stretch of time `t` it gives out no more than `burst + permits * t /
/// interval`. First come, first served: one that waits for many holds back those behind it. Permits are used up, not
/// given back; a waiter that is cancelled uses none. One timer, for the first in line, and none if nobody waits.
/// Belongs to one loop; must outlive its waiters.
class limiter : private timer {
  class place : public detail::parked {
   public:
    explicit place(std::int64_t count) noexcept : count_(count) {}
    std::int64_t count() const noexcept { return count_; }

   private:
    std::int64_t count_;
  };

 public:
  class [[nodiscard]] acquire_awaiter {
   public:
    acquire_awaiter(limiter& owner, std::int64_t count) noexcept : limiter_(owner), place_(count) {}
    acquire_awaiter(const acquire_awaiter& other) noexcept : acquire_awaiter(other.limiter_, other.place_.count()) {}
    bool await_ready() const {
      if (!limiter_.waiters_.empty()) return false;
      limiter_.bucket_.refill(loop::current().now());
      return limiter_.bucket_.take(place_.count());
    }
    bool await_suspend(waiter& who) {
      if (limiter_.waiters_.empty()) limiter_.arm_for(place_);  // first: it may throw
      limiter_.waiters_.park(place_, who);
      return true;
    }
    void await_resume() const noexcept {}
    cancel_result await_cancel(cancel_reason) noexcept {
      const bool was_first = limiter_.waiters_.front() == &place_;
      limiter_.waiters_.leave(place_);
      if (was_first) limiter_.serve();
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const { out.text("a limiter", &limiter_); }

   private:
    limiter& limiter_;
    place place_;
  };

  /// `permits` per `interval`, and up to `burst` at once after a pause; at first too. Throws std::invalid_argument if
  /// one of them is zero, or so large that they cannot be calculated with.
  limiter(std::size_t permits, duration interval, std::size_t burst)
      : timer(&fire), bucket_(permits, interval, burst) {}
  /// With a burst of one interval's permits.
  limiter(std::size_t permits, duration interval) : limiter(permits, interval, permits) {}
  limiter(const limiter&) = delete;
  limiter& operator=(const limiter&) = delete;
  ~limiter() {
    RINGMILL_CHECK(waiters_.empty(), "a limiter was destroyed while tasks wait for it: it must outlive them");
  }

  /// co_await it: comes back when `count` permits are there, and uses them; suspends only if they are not, or others
  /// wait. Throws std::invalid_argument, at the call, if `count` is zero or more than the burst: it would wait for
  /// ever.
  acquire_awaiter acquire(std::size_t count = 1) {
    if (count == 0 || count > static_cast<std::size_t>(bucket_.burst())) {
      throw std::invalid_argument("limiter::acquire(" + std::to_string(count) + "): ask for one up to its burst of " +
                                  std::to_string(bucket_.burst()));
    }
    return acquire_awaiter(*this, static_cast<std::int64_t>(count));
  }

  /// Permits that are there now. While someone waits for more than that, nobody else gets them. In a task.
  std::size_t available() {
    bucket_.refill(loop::current().now());
    return static_cast<std::size_t>(bucket_.tokens());
  }

 private:
  static void fire(timer& base) noexcept { static_cast<limiter&>(base).serve(); }

  void arm_for(const place& first) { loop::current().arm(*this, bucket_.when(first.count())); }

  /// Lets go whom it can, and sets the timer for the next one.
  void serve() noexcept {
    loop& here = *detail::this_thread.attached_loop;
    here.disarm(*this);
    bucket_.refill(here.now());
    while (!waiters_.empty()) {
      const place& first = *static_cast<place*>(waiters_.front());
      if (!bucket_.take(first.count())) {
        arm_for(first);
        return;
      }
      waiters_.wake_front();
    }
  }

  detail::token_bucket bucket_;
  detail::parking_list waiters_;
};

}  // namespace ringmill
