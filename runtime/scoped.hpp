// An awaitable inside of a scope that can be cut off by itself: what time limits, cancel scopes and stop tokens share.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/context.hpp>
#include <ringmill/runtime/promise.hpp>

namespace ringmill {

/// What an awaitable gives that may be cut off: std::optional of its value, or whether it completed if it has none.
template <awaiter Inner>
using if_completed_t = std::conditional_t<std::is_void_v<await_result_t<Inner>>, bool,
                                          std::optional<std::remove_cvref_t<await_result_t<Inner>>>>;

namespace detail {

/// Awaits `Inner` on behalf of its own waiter; `cut` ends it from within the scope, `cancel` passes on a request from
/// outside. Whoever cut it reports that in his own way, unless it has a result all the same, or there was a request
/// from outside: then the frame is destroyed, and the outermost scope reports.
template <awaiter Inner>
class scoped {
 public:
  explicit scoped(Inner&& inner) : inner_(std::move(inner)) {}

  bool ready() { return inner_.await_ready(); }

  /// True: suspended. `node`, if any, surrounds what is started.
  bool start(waiter& who, context_node* node = nullptr) {
    who_ = &who;
    bool suspended = false;
    {
      const starting_scope scope(starting_);
      suspended = node ? start_within(*node) : inner_.await_suspend(who);
    }
    if (suspended && why_cut_early_) cut(why_cut_early_);
    return suspended;
  }

  /// Like start, when it is to be cut off already: what completes without suspending completes, the rest is stopped.
  bool start_cut(waiter& who, cancel_reason why) {
    who_ = &who;
    if constexpr (requires { inner_.start_cancelled(who, why); }) {
      const bool suspended = inner_.start_cancelled(who, why);
      cut_ = suspended || !inner_.await_must_resume();
      return suspended;
    } else {
      cut_ = stopped_ = true;
      return false;
    }
  }

  /// Ends it, for the scope's own reasons. Only enqueues.
  void cut(cancel_reason why) noexcept {
    if (starting_) {  // by what is being started: it can be asked to stop once that is done
      why_cut_early_ = why;
      return;
    }
    if (cut_ || cancelled_) {
      cut_ = true;
      return;
    }
    if (who_->is_woken()) {  // it ended in this very turn; if a scope within was what ended it, this one reports
      cut_ = !inner_.await_must_resume();
      return;
    }
    cut_ = true;
    const cancel_result answer = inner_.await_cancel(why);
    if (answer.is_done()) {
      stopped_ = true;
      who_->wake();
    } else if (answer.next()) {
      request_cancel(*answer.next(), why);
    }
  }

  cancel_result cancel(cancel_reason why) noexcept {
    cancelled_ = true;
    if (cut_) return cancel_result::pending();  // it was asked already
    return inner_.await_cancel(why);
  }

  bool has_result() const noexcept { return !stopped_ && inner_.await_must_resume(); }
  /// It was cut off, and no late result came.
  bool ended_by_cut() const noexcept { return cut_ && !has_result(); }

  decltype(auto) resume() { return inner_.await_resume(); }
  if_completed_t<Inner> resume_if_completed() {
    if (ended_by_cut()) return {};
    if constexpr (std::is_void_v<await_result_t<Inner>>) {
      inner_.await_resume();
      return true;
    } else {
      return inner_.await_resume();
    }
  }
  const Inner& inner() const noexcept { return inner_; }

 private:
  class starting_scope {
   public:
    explicit starting_scope(bool& flag) noexcept : flag_(flag) { flag_ = true; }
    ~starting_scope() { flag_ = false; }
    starting_scope(const starting_scope&) = delete;
    starting_scope& operator=(const starting_scope&) = delete;

   private:
    bool& flag_;
  };
  bool start_within(context_node& node) {
    const context_scope scope(*who_, node);
    return inner_.await_suspend(*who_);
  }

  Inner inner_;
  waiter* who_ = nullptr;
  cancel_reason why_cut_early_;
  bool starting_ = false;
  bool cut_ = false;        ///< from within
  bool cancelled_ = false;  ///< from outside
  bool stopped_ = false;    ///< and the inner awaiter stopped at once
};

}  // namespace detail
}  // namespace ringmill
