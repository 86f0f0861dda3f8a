// The state machine of a coroutine: started, suspended, woken, resumed or destroyed, ended.
//
// Only two places resume a coroutine: the loop, when it pops it from the ready queue, and an awaiting parent, which
// starts its child inside its own await. `final_suspend` only marks the end: whoever resumed reads the mark and tells
// the one who waits. So no frame is ever destroyed from inside itself.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <source_location>
#include <type_traits>

#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

class nursery;

namespace detail {

class task_base;
template <awaiter Awaiter>
class await_proxy;

/// Asks the task behind `promise` to stop, and all tasks that it awaits. Idempotent; only enqueues.
RINGMILL_API void request_cancel(promise_base& promise) noexcept;
/// The second half of it: the request is noted in `promise`, its awaiter is now asked.
RINGMILL_API void deliver_cancel(promise_base& promise) noexcept;

/// What all promises share. Between its start and its end a coroutine is owned either by the awaiting `task` object
/// (its slot) or by a nursery.
class RINGMILL_API promise_base : public waiter {
 public:
  std::suspend_always initial_suspend() noexcept { return {}; }

  auto final_suspend() noexcept {
    struct mark_ended {
      promise_base& promise;
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<>) noexcept { promise.state_ = state::ended; }
      void await_resume() noexcept {}
    };
    return mark_ended{*this};
  }

  template <class Awaiter>
  auto await_transform(Awaiter&& what, std::source_location where = std::source_location::current()) noexcept {
    using type = std::remove_cvref_t<Awaiter>;
    static_assert(awaiter<type>, "this cannot be awaited: it does not answer the five questions of runtime/awaiter.hpp");
    static_assert(!std::is_lvalue_reference_v<Awaiter>, "await a temporary or std::move(it): it can be awaited only once");
    static_assert(!std::is_aggregate_v<type>, "GCC 12 destroys awaited aggregates twice: give the awaiter a constructor");
    awaiter_ = &what;
    operations_ = &operations_of<type>;
    where_ = where;
    return await_proxy<type>(*this);
  }

  /// Where it last awaited.
  const std::source_location& where() const noexcept { return where_; }
  bool has_ended() const noexcept { return state_ == state::ended; }
  bool was_started() const noexcept { return state_ != state::created; }

 protected:
  promise_base() noexcept : waiter(kind::coroutine) {}

 private:
  friend class ringmill::loop;
  friend class ringmill::nursery;
  friend class task_base;
  template <awaiter Awaiter>
  friend class await_proxy;
  friend void request_cancel(promise_base&) noexcept;
  friend void deliver_cancel(promise_base&) noexcept;

  enum class state : std::uint8_t { created, running, suspended, ended };

  std::coroutine_handle<promise_base> handle() noexcept {
    return std::coroutine_handle<promise_base>::from_promise(*this);
  }
  /// Starts or resumes the coroutine; returns when it is suspended or has ended.
  void resume() noexcept {
    state_ = state::running;
    handle().resume();
  }
  /// The loop has popped it: resume it, or destroy it if a cancel got through, and tell its owner if that was the end.
  void run() noexcept;
  void destroy_cancelled() noexcept;

  state state_ = state::created;
  bool cancel_requested_ = false;
  bool cancel_delivered_ = false;  ///< the present awaiter was asked to stop, and said pending
  bool abandoned_ = false;         ///< woken to be destroyed
  bool bounced_ = false;           ///< its awaiter was ready, but the budget was used up
  bool in_nursery_ = false;
  union {
    task_base* slot_ = nullptr;
    nursery* nursery_;
  };
  void* awaiter_ = nullptr;
  const awaiter_operations* operations_ = nullptr;
  std::source_location where_;
  promise_base* next_sibling_ = nullptr;  ///< in its nursery
  promise_base* previous_sibling_ = nullptr;
};

/// What the compiler sees instead of the awaiter: one pointer in the frame, whatever the awaiter's size.
template <awaiter Awaiter>
class await_proxy {
 public:
  explicit await_proxy(promise_base& promise) noexcept : promise_(promise) {}

  bool await_ready() {
    if (!target().await_ready()) return false;
    promise_.bounced_ = !take_budget();
    return !promise_.bounced_;
  }

  bool await_suspend(std::coroutine_handle<>) {
    if (promise_.bounced_ || promise_.cancel_requested_) {
      promise_.abandoned_ = !promise_.bounced_;
      promise_.state_ = promise_base::state::suspended;
      promise_.wake();
      return true;
    }
    // Still `running` meanwhile: what the awaiter starts may cancel this very task, and finds it delivered below.
    if (!target().await_suspend(promise_)) return false;
    promise_.state_ = promise_base::state::suspended;
    if (promise_.cancel_requested_) deliver_cancel(promise_);
    return true;
  }

  decltype(auto) await_resume() { return target().await_resume(); }

 private:
  static bool take_budget() noexcept;
  Awaiter& target() const noexcept { return *static_cast<Awaiter*>(promise_.awaiter_); }
  promise_base& promise_;
};

/// Takes one from the loop's budget of inline steps; false: go through the ready queue.
RINGMILL_API bool take_inline_budget() noexcept;

template <awaiter Awaiter>
bool await_proxy<Awaiter>::take_budget() noexcept {
  return take_inline_budget();
}

}  // namespace detail
}  // namespace ringmill
