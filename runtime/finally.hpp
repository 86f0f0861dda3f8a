// async_finally: a clean-up that may await, on every path: result, error, cancel.
#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

namespace detail {

/// Runs the body, and when that has ended the clean-up, on behalf of its own waiter. The clean-up is a second task that
/// no request to stop reaches, but for the end of its budget.
template <class Body, class Cleanup>
class [[nodiscard]] finally_awaiter : private callback_waiter, private timer {
 public:
  using body_task = std::invoke_result_t<Body&>;
  using cleanup_task = std::invoke_result_t<Cleanup&>;
  static_assert(std::is_same_v<cleanup_task, task<>>, "the clean-up of async_finally gives a task<>");

  finally_awaiter(duration budget, Body&& body, Cleanup&& cleanup)
      : callback_waiter(&part_ended),
        timer(&budget_over),
        budget_(budget),
        body_function_(std::move(body)),
        cleanup_function_(std::move(cleanup)) {}
  finally_awaiter(finally_awaiter&& other)
      : finally_awaiter(other.budget_, std::move(other.body_function_), std::move(other.cleanup_function_)) {}
  ~finally_awaiter() { disarm(); }

  bool await_ready() const noexcept { return false; }

  bool await_suspend(waiter& who) {
    who_ = &who;
    exchange_context(who.context());
    // Both are made here, before anything runs: what throws now has nothing to clean up after.
    cleanup_.emplace(detail::invoke(cleanup_function_));
    body_.emplace(detail::invoke(body_function_));
    cleanup_->await_ready();  // moved-from tasks throw here
    body_->await_ready();
    if (!body_->await_suspend(*this)) wake();
    return true;
  }

  await_result_t<body_task> await_resume() {
    disarm();
    if (!cleanup_error_) return body_->await_resume();
    try {
      if (body_->await_must_resume()) body_->await_resume();
    } catch (...) {
      log(log_level::error, {"a clean-up failed too, after the error of its body"}, cleanup_error_);
      throw;
    }
    std::rethrow_exception(std::move(cleanup_error_));
  }

  cancel_result await_cancel(cancel_reason why) noexcept {
    why_ = why;
    if (!in_cleanup_ && !is_woken()) return body_->await_cancel(why);
    if (in_cleanup_) arm();
    return cancel_result::pending();
  }
  bool await_must_resume() const noexcept { return cleanup_error_ || body_->await_must_resume(); }
  void await_describe(task_writer& out) const {
    out.text(in_cleanup_ ? "async_finally, cleaning up" : "async_finally");
    out.inner(in_cleanup_ ? *cleanup_ : *body_);
  }

 private:
  static void request_cancel_of(task_base& part, cancel_reason why) noexcept {
    if (promise_base* promise = part.await_cancel(why).next()) request_cancel(*promise, why);
  }

  static void part_ended(callback_waiter& base) noexcept {
    auto& self = static_cast<finally_awaiter&>(base);
    if (!self.in_cleanup_) {
      self.in_cleanup_ = true;
      if (self.why_) self.arm();
      self.cleanup_->start_later(self);
      return;
    }
    self.disarm();
    try {
      if (self.cleanup_->await_must_resume()) {
        self.cleanup_->await_resume();
      } else {
        log(log_level::warning, "a clean-up was cut off: its budget was over");
      }
    } catch (...) {
      self.cleanup_error_ = std::current_exception();
    }
    self.who_->wake();
  }

  void arm() noexcept {
    if (budget_ == duration::max() || is_armed()) return;
    loop& here = *this_thread.attached_loop;
    here.arm(*this, saturating_add(here.now(), budget_));
  }
  void disarm() noexcept {
    if (is_armed()) this_thread.attached_loop->disarm(*this);
  }
  static void budget_over(timer& base) noexcept {
    auto& self = static_cast<finally_awaiter&>(base);
    if (!self.is_woken()) request_cancel_of(*self.cleanup_, budget_is_over);
  }

  duration budget_;
  Body body_function_;
  Cleanup cleanup_function_;
  std::optional<body_task> body_;
  std::optional<cleanup_task> cleanup_;
  waiter* who_ = nullptr;
  cancel_reason why_;
  std::exception_ptr cleanup_error_;
  bool in_cleanup_ = false;
};

}  // namespace detail

/// How long a clean-up may go on after its task was asked to stop.
inline constexpr std::chrono::seconds default_cleanup_budget{30};

/// co_await it: runs the task that `body()` gives, then the task<> that `cleanup()` gives, whether the body gave a
/// value, threw, or was cancelled; then gives the body's value or error. An error of the clean-up is thrown if the body
/// had none, else logged. A request to stop reaches the body, but not the clean-up, which gets `budget` more (half a
/// minute) and is then cut off. Both callables are kept until the end, so lambdas that capture are safe here.
template <class Body, class Cleanup>
[[nodiscard]] detail::finally_awaiter<Body, Cleanup> async_finally(Body body, Cleanup cleanup,
                                                                   duration budget = default_cleanup_budget) {
  return detail::finally_awaiter<Body, Cleanup>(budget, std::move(body), std::move(cleanup));
}

}  // namespace ringmill
