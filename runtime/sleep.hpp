// Waiting for time, and giving way to others.
#pragma once

#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/loop.hpp>

namespace ringmill {

namespace detail {

/// A timer that wakes a waiter, and the awaiter around it.
class sleep_awaiter : private timer {
 public:
  explicit sleep_awaiter(duration length) noexcept : timer(&fire), length_(length) {}

  bool await_ready() const noexcept { return length_ <= duration::zero(); }
  bool await_suspend(waiter& who) {
    loop& here = loop::current();
    here.arm(*this, saturating_add(here.now(), length_));
    waiter_ = &who;
    return true;
  }
  void await_resume() const noexcept {}
  cancel_result await_cancel(cancel_reason) noexcept {
    this_thread.attached_loop->disarm(*this);
    return cancel_result::done();
  }
  bool await_must_resume() const noexcept { return true; }
  void await_describe(task_writer& out) const { out.deadline("sleep_for", *this); }

 private:
  static void fire(timer& self) noexcept { static_cast<sleep_awaiter&>(self).waiter_->wake(); }
  union {
    duration length_;  ///< until it is armed
    waiter* waiter_;   ///< from then on
  };
};

class yield_awaiter {
 public:
  yield_awaiter() noexcept {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(waiter& who) noexcept {
    who.wake();
    return true;
  }
  void await_resume() const noexcept {}
  // Never asked to stop: the waiter is woken before anyone could.
  cancel_result await_cancel(cancel_reason) noexcept { return cancel_result::pending(); }
  bool await_must_resume() const noexcept { return true; }
  void await_describe(task_writer& out) const { out.text("yield"); }
};

/// `length` in nanoseconds, at the ends of their range where it would overflow.
template <class Rep, class Period>
duration saturating_duration(std::chrono::duration<Rep, Period> length) noexcept {
  using wide = std::chrono::duration<long double, std::nano>;
  if (wide(length) >= wide(duration::max())) return duration::max();
  if (wide(length) <= wide(duration::min())) return duration::min();
  return std::chrono::duration_cast<duration>(length);
}

}  // namespace detail

/// co_await it: comes back after `length` of monotonic time, measured from now. Zero or less does not suspend.
template <class Rep, class Period>
[[nodiscard]] detail::sleep_awaiter sleep_for(const std::chrono::duration<Rep, Period>& length) noexcept {
  return detail::sleep_awaiter(detail::saturating_duration(length));
}

/// co_await it: lets every task that is ready now, and I/O, have its turn. Always suspends.
[[nodiscard]] inline detail::yield_awaiter yield() noexcept { return detail::yield_awaiter(); }

}  // namespace ringmill
