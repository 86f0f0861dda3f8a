// cancel_scope: what can be cut off by hand, without cancelling the task that awaits it.
//
//   rm::cancel_scope downloads;
//   auto page = co_await downloads.run(fetch(url));  // std::optional: empty after downloads.cancel()
#pragma once

#include <utility>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/scoped.hpp>

namespace ringmill {

class cancel_scope;

namespace detail {

/// A run that is under way, in its scope's list.
class scope_run {
 public:
  scope_run(const scope_run&) = delete;
  scope_run& operator=(const scope_run&) = delete;

 protected:
  using cut_function = void (*)(scope_run&, cancel_reason) noexcept;
  explicit scope_run(cut_function cut) noexcept : cut_(cut) {}
  ~scope_run() = default;

 private:
  friend class ringmill::cancel_scope;
  cut_function cut_;
  scope_run* next_ = nullptr;
  scope_run* previous_ = nullptr;
};

template <awaiter Inner>
class cancel_scope_awaiter;

}  // namespace detail

/// Any number of runs at a time, in any tasks of one loop, each of which ends when it does or when the scope is
/// cancelled. A scope that was cancelled stays so. Neither copied nor moved; must outlive its runs (checked).
class cancel_scope {
 public:
  cancel_scope() noexcept = default;
  cancel_scope(const cancel_scope&) = delete;
  cancel_scope& operator=(const cancel_scope&) = delete;
  ~cancel_scope() { RINGMILL_CHECK(!runs_, "a cancel_scope was destroyed while something runs in it"); }

  /// co_await it: a std::optional of what `inner` gives (a bool, if that is void), empty if it was cut off; it has
  /// ended then. A result that came while it was being cut off is given all the same. In a scope that is cancelled
  /// already what completes without suspending completes, and the rest is cut off.
  template <awaiter Inner>
  [[nodiscard]] detail::cancel_scope_awaiter<Inner> run(Inner inner) {
    return detail::cancel_scope_awaiter<Inner>(*this, std::move(inner));
  }

  /// Cuts off what runs in it, and what will. Idempotent; only enqueues.
  void cancel(cancel_reason why = cancel_reason("cancel_scope::cancel() was called")) noexcept {
    if (why_) return;
    why_ = why;
    for (detail::scope_run* run = runs_; run; run = run->next_) run->cut_(*run, why);
  }
  bool is_cancelled() const noexcept { return static_cast<bool>(why_); }

 private:
  template <awaiter Inner>
  friend class detail::cancel_scope_awaiter;

  void enter(detail::scope_run& run) noexcept {
    run.next_ = runs_;
    if (runs_) runs_->previous_ = &run;
    runs_ = &run;
  }
  void leave(detail::scope_run& run) noexcept {
    (run.previous_ ? run.previous_->next_ : runs_) = run.next_;
    if (run.next_) run.next_->previous_ = run.previous_;
    run.next_ = run.previous_ = nullptr;
  }

  detail::scope_run* runs_ = nullptr;  ///< the newest first
  cancel_reason why_;
};

namespace detail {

template <awaiter Inner>
class [[nodiscard]] cancel_scope_awaiter : private scope_run {
 public:
  static constexpr bool runs_when_cancelled = detail::runs_when_cancelled<Inner>();

  cancel_scope_awaiter(cancel_scope& owner, Inner&& inner)
      : scope_run(&cut), scope_(owner), scoped_(std::move(inner)) {}
  cancel_scope_awaiter(cancel_scope_awaiter&& other)
      : scope_run(&cut), scope_(other.scope_), scoped_(std::move(other.scoped_)) {}
  ~cancel_scope_awaiter() { leave(); }

  bool await_ready() { return scoped_.ready(); }
  bool await_suspend(waiter& who) {
    if (scope_.is_cancelled()) return scoped_.start_cut(who, scope_.why_);
    scope_.enter(*this);
    entered_ = true;
    return scoped_.start(who);
  }
  if_completed_t<Inner> await_resume() {
    leave();
    return scoped_.resume_if_completed();
  }
  cancel_result await_cancel(cancel_reason why) noexcept { return scoped_.cancel(why); }
  bool await_must_resume() const noexcept { return scoped_.has_result(); }
  void await_describe(task_writer& out) const {
    out.text("cancel_scope", &scope_);
    out.inner(scoped_.inner());
  }

 private:
  static void cut(scope_run& base, cancel_reason why) noexcept {
    static_cast<cancel_scope_awaiter&>(base).scoped_.cut(why);
  }
  void leave() noexcept {
    if (std::exchange(entered_, false)) scope_.leave(*this);
  }

  cancel_scope& scope_;
  bool entered_ = false;
  scoped<Inner> scoped_;
};

}  // namespace detail
}  // namespace ringmill
