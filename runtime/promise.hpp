// The state machine of a coroutine: started, suspended, woken, resumed or destroyed, ended.
//
// Only two places resume a coroutine: the loop, when it pops it from the ready queue or what it awaited has just ended
// there, and an awaiting parent, which starts its child inside its own await. `final_suspend` only marks the end:
// whoever resumed reads the mark and goes on with the one who waits. So no frame is ever destroyed from inside itself.
#pragma once

#include <bit>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <type_traits>

#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/frame_allocation.hpp>

namespace ringmill {

class nursery;

namespace detail {

class task_base;
template <awaiter Awaiter>
class await_proxy;

/// Asks the task behind `promise` to stop, and all tasks that it awaits. Idempotent (the first reason stays); only
/// enqueues.
RINGMILL_API void request_cancel(promise_base& promise, cancel_reason why) noexcept;
/// The same for one that runs: the tasks that it is just starting, one inside of the other, are asked as well.
void note_cancel_of_running(promise_base& promise, cancel_reason why) noexcept;
/// The second half of it: the request is noted in `promise`, its awaiter is now asked.
RINGMILL_API void deliver_cancel(promise_base& promise) noexcept;
/// May a task go on inside the present resume? False after 128 of those: then it has to pass through the ready queue,
/// which bounds both the stack and the time that one task can hold the loop by awaiting what is ready.
inline bool has_inline_budget() noexcept { return this_thread.inline_steps > 0; }
inline bool take_inline_budget() noexcept {
  thread_state& thread = this_thread;
  if (thread.inline_steps == 0) return false;
  --thread.inline_steps;
  return true;
}
/// An exception leaves a coroutine that awaited at `where` last: noted for async_stack() (runtime/async_stack.hpp).
RINGMILL_API void note_unwound(const std::source_location& where) noexcept;

/// A source_location as the compiler hands it out. As a parameter of `await_transform` it takes no room in the frame,
/// where GCC puts every object of a class that is made for an await.
using source_pointer = decltype(__builtin_source_location());

/// What all promises share. Between its start and its end a coroutine is owned by the awaiting `task` object (its
/// slot), by a nursery, or by a generator object, which is told of its end as its state says.
class RINGMILL_API promise_base : public waiter {
 public:
  static void* operator new(std::size_t size) { return this_threads_frames.take(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { this_threads_frames.give_back(frame, size); }

  std::suspend_always initial_suspend() noexcept { return {}; }

  class mark_ended {
   public:
    bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
      static_cast<promise_base&>(coroutine.promise()).state_ = state::ended;
    }
    void await_resume() noexcept {}
  };
  mark_ended final_suspend() noexcept { return {}; }

  template <class Awaiter>
  auto await_transform(Awaiter&& what, source_pointer where = __builtin_source_location()) noexcept {
    using type = std::remove_cvref_t<Awaiter>;
    static_assert(awaiter<type>, "this cannot be awaited: it does not answer the questions of runtime/awaiter.hpp");
    static_assert(!std::is_lvalue_reference_v<Awaiter>,
                  "await a temporary or std::move(it): it can be awaited only once");
    static_assert(!std::is_aggregate_v<type>,
                  "GCC 12 destroys awaited aggregates twice: give the awaiter a constructor");
    awaiter_ = &what;
    operations_ = &operations_of<type>;
    where_ = std::bit_cast<std::source_location>(where);
    return await_proxy<type>(*this);
  }

  /// Where it last awaited; line 0: not yet.
  const std::source_location& where() const noexcept { return where_; }
  /// When it was last suspended, by the loop's coarse clock.
  time_point suspended_since() const noexcept { return suspended_since_; }
  bool has_ended() const noexcept { return state_ == state::ended; }
  bool was_started() const noexcept { return state_ != state::created; }
  bool is_suspended() const noexcept { return state_ == state::suspended; }
  cancel_reason why_cancelled() const noexcept { return why_cancelled_; }
  /// What it awaits, while it is suspended: the object and what can be asked of it.
  const void* awaited() const noexcept { return awaiter_; }
  const awaiter_operations* awaited_operations() const noexcept { return operations_; }
  /// The coroutine that awaits this one directly, if there is one.
  const promise_base* awaited_by() const noexcept;
  /// The next one in its nursery.
  const promise_base* next_sibling() const noexcept { return next_sibling_; }

 protected:
  enum class state : std::uint8_t { created, running, suspended, yielded, ended };
  enum class owner : std::uint8_t { slot, nursery, generator };

  promise_base() noexcept : waiter(kind::coroutine) {}

  std::coroutine_handle<promise_base> handle() noexcept {
    return std::coroutine_handle<promise_base>::from_promise(*this);
  }
  void set_state(state now) noexcept { state_ = now; }
  state current_state() const noexcept { return state_; }

 private:
  friend class ringmill::loop;
  friend class ringmill::nursery;
  friend class task_base;
  friend class generator_base;
  friend class fiber_base;
  template <awaiter Awaiter>
  friend class await_proxy;
  friend void request_cancel(promise_base&, cancel_reason) noexcept;
  friend void note_cancel_of_running(promise_base&, cancel_reason) noexcept;
  friend void deliver_cancel(promise_base&) noexcept;

  /// Starts or resumes the coroutine; returns when it is suspended or has ended.
  void resume() noexcept {
    thread_state& thread = this_thread;
    promise_base* const outer = thread.running;
    thread.running = this;
    state_ = state::running;
    handle().resume();
    thread.running = outer;
  }
  /// The loop has popped it: goes on with it, and if that was its end with the coroutine that awaits it.
  void run() noexcept {
    // A loop, not a recursion: of a chain of tasks that await each other one may end after the other. Under
    // cancellation each goes through the queue: what the request has woken there may lie in the next one's frame, and
    // comes first.
    promise_base* task = this;
    while (waiter* const next = task->go_on()) {
      if (task->why_cancelled_ || !next->is_coroutine() || next->is_woken() || !take_inline_budget()) {
        next->wake();
        return;
      }
      task = static_cast<promise_base*>(next);
    }
  }
  /// Resumes it, or destroys it if a cancel got through. Gives the one who awaits it if it has ended by itself: he is
  /// to be woken. In all other cases whoever has to know has been told.
  waiter* go_on() noexcept {
    if (why_cancelled_ && is_cut_off()) {
      destroy_cancelled();
      return nullptr;
    }
    bounced_ = false;
    resume();
    return state_ == state::suspended ? nullptr : tell_owner();
  }
  bool is_cut_off() const noexcept;
  waiter* tell_owner() noexcept;
  void destroy_cancelled() noexcept;
  void destroy_frame() noexcept;
  void suspended() noexcept {
    const thread_state& thread = this_thread;
    state_ = state::suspended;
    suspended_since_ = thread.coarse_now;
    home_ = thread.loop_id;
  }

  state state_ = state::created;
  owner owner_ = owner::slot;
  bool abandoned_ = false;  ///< woken to be destroyed
  bool bounced_ = false;    ///< its awaiter was ready, but the budget was used up
  union {
    task_base* slot_ = nullptr;
    nursery* nursery_;
    class generator_base* generator_;
  };
  void* awaiter_ = nullptr;
  const awaiter_operations* operations_ = nullptr;
  std::source_location where_;
  time_point suspended_since_;
  cancel_reason why_cancelled_;
  promise_base* next_sibling_ = nullptr;  ///< in its nursery
  promise_base* previous_sibling_ = nullptr;
};

/// What the compiler sees instead of the awaiter: one pointer in the frame, whatever the awaiter's size.
template <awaiter Awaiter>
class await_proxy {
 public:
  explicit await_proxy(promise_base& promise) noexcept : promise_(promise) {}

  bool await_ready() {
    // Whoever awaits nothing but what is ready is cut off when its budget is used up, and not before.
    if (is_cut_off() && !has_inline_budget()) return false;
    if (!target().await_ready()) return false;
    promise_.bounced_ = !take_inline_budget();
    return !promise_.bounced_;
  }

  bool await_suspend(std::coroutine_handle<>) {
    if (promise_.bounced_ || is_cut_off()) {
      promise_.abandoned_ = !promise_.bounced_;
      return pass_through_queue();
    }
    // Still `running` meanwhile: what the awaiter starts may cancel this very task, and finds it delivered below.
    if (!target().await_suspend(promise_)) {
      if (takes_budget_itself || take_inline_budget()) return false;
      promise_.bounced_ = true;
      return pass_through_queue();
    }
    promise_.suspended();
    if (promise_.why_cancelled_) deliver_cancel(promise_);
    return true;
  }

  decltype(auto) await_resume() { return target().await_resume(); }

 private:
  static constexpr bool takes_budget_itself = requires { Awaiter::takes_inline_budget; };

  bool is_cut_off() const noexcept { return !runs_when_cancelled<Awaiter>() && promise_.why_cancelled_; }
  bool pass_through_queue() noexcept {
    promise_.suspended();
    promise_.wake();
    return true;
  }
  Awaiter& target() const noexcept { return *static_cast<Awaiter*>(promise_.awaiter_); }
  promise_base& promise_;
};

}  // namespace detail
}  // namespace ringmill
