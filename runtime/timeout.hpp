// Awaitables that have to end in time: with_timeout and with_deadline throw, move_on_after and move_on_at give nothing.
//
// A result that arrives while the awaitable is being cut off is given all the same. When the time is over already, a
// task runs to its first await of something that is not ready, or of another task, and nothing else is started. If
// several limits are over, one within the other, the outermost reports and those inside are cancelled.
#pragma once

#include <utility>

#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/scoped.hpp>
#include <ringmill/runtime/sleep.hpp>

namespace ringmill {

namespace detail {

/// The time limit of the four awaiters below: a length from when it is awaited, or a point in time.
class time_limit {
 public:
  explicit time_limit(duration length) noexcept : length_(length) {}
  explicit time_limit(time_point deadline) noexcept : deadline_(deadline), is_absolute_(true) {}

  time_point from(loop& here) const noexcept { return is_absolute_ ? deadline_ : saturating_add(here.now(), length_); }
  /// Known without a look at the clock?
  bool is_over(loop& here) const noexcept {
    return is_absolute_ ? deadline_ <= here.now() : length_ <= duration::zero();
  }

 private:
  union {
    duration length_;
    time_point deadline_;
  };
  bool is_absolute_ = false;
};

inline constexpr cancel_reason time_is_over("its time limit was over");

/// Cuts `Inner` off when the timer fires first.
template <awaiter Inner>
class limited : private timer {
 public:
  static constexpr bool runs_when_cancelled = detail::runs_when_cancelled<Inner>();

  limited(time_limit limit, Inner&& inner) : timer(&fire), limit_(limit), scoped_(std::move(inner)) {}
  limited(limited&& other) : timer(std::move(other)), limit_(other.limit_), scoped_(std::move(other.scoped_)) {}
  ~limited() { disarm(); }

  bool await_ready() { return scoped_.ready(); }

  bool await_suspend(waiter& who) {
    loop& here = loop::current();
    if (limit_.is_over(here)) return scoped_.start_cut(who, time_is_over);
    surroundings_.deadline = limit_.from(here);
    here.arm(*this, surroundings_.deadline);  // first: if it throws, nothing has been started
    try {
      return scoped_.start(who, &surroundings_);
    } catch (...) {
      disarm();
      throw;
    }
  }

  /// The limit of what surrounds it is over already: that one reports.
  bool start_cancelled(waiter& who, cancel_reason why) { return scoped_.start_cut(who, why); }

  cancel_result await_cancel(cancel_reason why) noexcept {
    disarm();
    return scoped_.cancel(why);
  }
  bool await_must_resume() const noexcept { return scoped_.has_result(); }
  void await_describe(task_writer& out) const {
    out.until("time limit", surroundings_.deadline);
    out.inner(scoped_.inner());
  }

 protected:
  scoped<Inner>& end() noexcept {
    disarm();
    return scoped_;
  }

 private:
  static void fire(timer& base) noexcept { static_cast<limited&>(base).scoped_.cut(time_is_over); }
  void disarm() noexcept {
    if (is_armed()) this_thread.attached_loop->disarm(*this);
  }

  time_limit limit_;
  deadline_node surroundings_;
  scoped<Inner> scoped_;
};

template <awaiter Inner>
class timeout_awaiter : public limited<Inner> {
 public:
  using limited<Inner>::limited;
  decltype(auto) await_resume() {
    scoped<Inner>& ended = this->end();
    if (ended.ended_by_cut()) throw timeout_error();
    return ended.resume();
  }
};

template <awaiter Inner>
class move_on_awaiter : public limited<Inner> {
 public:
  using limited<Inner>::limited;
  if_completed_t<Inner> await_resume() { return this->end().resume_if_completed(); }
};

}  // namespace detail

/// co_await it: what `co_await inner` gives, or throws timeout_error after `limit`, when `inner` has ended.
template <class Rep, class Period, awaiter Inner>
[[nodiscard]] detail::timeout_awaiter<Inner> with_timeout(std::chrono::duration<Rep, Period> limit, Inner inner) {
  return detail::timeout_awaiter<Inner>(detail::time_limit(detail::saturating_duration(limit)), std::move(inner));
}

/// The same with a point in time, of the loop's clock.
template <awaiter Inner>
[[nodiscard]] detail::timeout_awaiter<Inner> with_deadline(time_point deadline, Inner inner) {
  return detail::timeout_awaiter<Inner>(detail::time_limit(deadline), std::move(inner));
}

/// co_await it: a std::optional of what `inner` gives (a bool, if that is void), empty if it did not end in `limit`.
template <class Rep, class Period, awaiter Inner>
[[nodiscard]] detail::move_on_awaiter<Inner> move_on_after(std::chrono::duration<Rep, Period> limit, Inner inner) {
  return detail::move_on_awaiter<Inner>(detail::time_limit(detail::saturating_duration(limit)), std::move(inner));
}

/// The same with a point in time, of the loop's clock.
template <awaiter Inner>
[[nodiscard]] detail::move_on_awaiter<Inner> move_on_at(time_point deadline, Inner inner) {
  return detail::move_on_awaiter<Inner>(detail::time_limit(deadline), std::move(inner));
}

}  // namespace ringmill
