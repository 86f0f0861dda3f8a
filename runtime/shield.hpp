// shield: what is carried through although its task is asked to stop.
#pragma once

#include <utility>

#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/promise.hpp>
#include <ringmill/runtime/sleep.hpp>

namespace ringmill {

namespace detail {

inline constexpr cancel_reason budget_is_over("the budget of its shield was over");

template <awaiter Inner>
class [[nodiscard]] shield_awaiter : private timer {
 public:
  static constexpr bool runs_when_cancelled = true;

  shield_awaiter(duration budget, Inner&& inner) : timer(&fire), budget_(budget), inner_(std::move(inner)) {}
  shield_awaiter(shield_awaiter&& other)
      : timer(static_cast<timer&&>(other)), budget_(other.budget_), inner_(std::move(other.inner_)) {}
  ~shield_awaiter() { disarm(); }

  bool await_ready() { return inner_.await_ready(); }
  bool await_suspend(waiter& who) {
    who_ = &who;
    return inner_.await_suspend(who);
  }
  decltype(auto) await_resume() {
    disarm();
    return inner_.await_resume();
  }
  cancel_result await_cancel(cancel_reason) noexcept {
    if (budget_ == duration::max()) return cancel_result::pending();
    loop& here = *this_thread.attached_loop;
    here.arm(*this, saturating_add(here.now(), budget_));
    return cancel_result::pending();
  }
  bool await_must_resume() const noexcept { return !stopped_ && inner_.await_must_resume(); }
  void await_describe(task_writer& out) const {
    out.text("shield");
    out.inner(inner_);
  }

 private:
  static void fire(timer& base) noexcept {
    auto& self = static_cast<shield_awaiter&>(base);
    if (self.who_->is_woken()) return;
    const cancel_result answer = self.inner_.await_cancel(budget_is_over);
    if (answer.is_done()) {
      self.stopped_ = true;
      self.who_->wake();
    } else if (answer.next()) {
      request_cancel(*answer.next(), budget_is_over);
    }
  }
  void disarm() noexcept {
    if (is_armed()) this_thread.attached_loop->disarm(*this);
  }

  duration budget_;
  Inner inner_;
  waiter* who_ = nullptr;
  bool stopped_ = false;
};

}  // namespace detail

/// co_await it: what `co_await inner` gives; a request to stop does not reach `inner`, it waits until this has ended.
/// It is started even if the request is there already: to keep what has been received, say.
template <awaiter Inner>
[[nodiscard]] detail::shield_awaiter<Inner> shield(Inner inner) {
  return detail::shield_awaiter<Inner>(duration::max(), std::move(inner));
}

/// The same, but `budget` after the request it is let through: for clean-up that must not hang.
template <class Rep, class Period, awaiter Inner>
[[nodiscard]] detail::shield_awaiter<Inner> shield(std::chrono::duration<Rep, Period> budget, Inner inner) {
  return detail::shield_awaiter<Inner>(detail::saturating_duration(budget), std::move(inner));
}

}  // namespace ringmill
