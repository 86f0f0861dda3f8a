// with_timeout: an awaitable that has to end in time.
#pragma once

#include <chrono>
#include <utility>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/sleep.hpp>

namespace ringmill {

namespace detail {

/// Awaits `Inner` on behalf of its own waiter, and cancels it when the timer fires first.
template <awaiter Inner>
class timeout_awaiter : private timer {
 public:
  timeout_awaiter(duration length, Inner&& inner) : timer(&fire), length_(length), inner_(std::move(inner)) {}

  bool await_ready() { return inner_.await_ready(); }

  bool await_suspend(waiter& who) {
    waiter_ = &who;
    if (length_ <= duration::zero()) return suspend_late(who);
    loop& here = loop::current();
    here.arm(*this, saturating_add(here.now(), length_));  // first: if it throws, nothing has been started
    try {
      if (inner_.await_suspend(who)) return true;
    } catch (...) {
      here.disarm(*this);
      throw;
    }
    return false;
  }

  decltype(auto) await_resume() {
    current_loop->disarm(*this);
    // A late result is still a result: it is never thrown away.
    if (expired_ && !has_result()) throw timeout_error();
    return inner_.await_resume();
  }

  cancel_result await_cancel() noexcept {
    if (expired_) return cancel_result::pending();  // it was asked already
    current_loop->disarm(*this);
    return inner_.await_cancel();
  }

  bool await_must_resume() const noexcept { return has_result(); }

 private:
  bool has_result() const noexcept { return !stopped_ && inner_.await_must_resume(); }

  /// No time at all: what completes without suspending does so, nothing else is started.
  bool suspend_late(waiter& who) {
    expired_ = true;
    if constexpr (requires { inner_.start_cancelled(who); }) {
      if (!inner_.start_cancelled(who)) expired_ = false;
      return expired_;
    } else {
      stopped_ = true;
      return false;
    }
  }

  static void fire(timer& base) noexcept {
    auto& self = static_cast<timeout_awaiter&>(base);
    if (self.waiter_->is_woken()) return;  // it completed in this very turn
    self.expired_ = true;
    const cancel_result answer = self.inner_.await_cancel();
    if (answer.is_done()) {
      self.stopped_ = true;
      self.waiter_->wake();
    } else if (answer.next()) {
      request_cancel(*answer.next());
    }
  }

  duration length_;
  Inner inner_;
  waiter* waiter_ = nullptr;
  bool expired_ = false;  ///< the time was over first
  bool stopped_ = false;  ///< and the inner awaiter stopped at once
};

}  // namespace detail

/// co_await it: what `co_await inner` gives, or throws timeout_error after `limit`, when `inner` has been cancelled and
/// has ended. A result that arrives while it is being cancelled is given all the same. With a limit of zero or less,
/// what completes without suspending completes and nothing else is started.
template <class Rep, class Period, awaiter Inner>
[[nodiscard]] detail::timeout_awaiter<Inner> with_timeout(std::chrono::duration<Rep, Period> limit, Inner inner) {
  return detail::timeout_awaiter<Inner>(detail::saturating_duration(limit), std::move(inner));
}

}  // namespace ringmill
