// The contract between a coroutine and what it awaits.
//
// Everything that can be awaited answers five questions:
//
//   bool          await_ready();                          is the result there already?
//   bool          await_suspend(waiter&);                 start; false: it completed inside the call, do not suspend
//   T             await_resume();                         the result, or its exception
//   cancel_result await_cancel(cancel_reason) noexcept;   stop, please
//   bool          await_must_resume() const noexcept;     after the wake: did it complete with a result or an error?
//
// and may answer two more:
//
//   void          await_describe(task_writer&) const;     what does it wait for? (runtime/task_writer.hpp)
//   static constexpr bool runs_when_cancelled = true;     start it even if the task was asked to stop (shield)
//
// When they are called, and what follows:
//  - `await_suspend` that returned true owes its waiter exactly one `wake()`, unless a later `await_cancel` says
//  `done`.
//  - `await_cancel` is called at most once, and only between that suspension and the wake.
//      done      it has stopped; it will not touch the waiter again. The coroutine's frame is destroyed.
//      pending   the wake is still to come.
//      forward   like pending, and the request goes on to a child task. Cancelling walks such a chain in a loop:
//                a million awaiting frames do not overflow the stack.
//  - At the wake of a coroutine that was asked to stop, `await_must_resume` decides: a result beats the cancel, and
//    the coroutine goes on with it (the request is delivered at its next suspension); else its frame is destroyed.
//  - A coroutine under cancellation never starts another awaiter, but for one with `runs_when_cancelled`.
//  - The awaiter lives in the awaiting frame. It may be destroyed after `await_resume`, or after `done`, or when
//    `await_must_resume` said false; never while an answer is outstanding.
#pragma once

#include <concepts>
#include <type_traits>

#include <ringmill/runtime/cancel_reason.hpp>
#include <ringmill/runtime/run_queue.hpp>
#include <ringmill/runtime/task_writer.hpp>

namespace ringmill {

/// What an awaiter answers to `await_cancel`.
class cancel_result {
 public:
  static cancel_result done() noexcept { return cancel_result(true, nullptr); }
  static cancel_result pending() noexcept { return cancel_result(false, nullptr); }
  /// The request goes on to the task behind `child`, whose end will wake the waiter.
  static cancel_result forward(detail::promise_base& child) noexcept { return cancel_result(false, &child); }

  bool is_done() const noexcept { return done_; }
  detail::promise_base* next() const noexcept { return next_; }

 private:
  cancel_result(bool done, detail::promise_base* next) noexcept : done_(done), next_(next) {}
  bool done_;
  detail::promise_base* next_;
};

/// The contract above, as far as a compiler can check it.
template <class T>
concept awaiter = requires(T& object, const T& constant, waiter& who, cancel_reason why) {
  { object.await_ready() } -> std::same_as<bool>;
  { object.await_suspend(who) } -> std::same_as<bool>;
  object.await_resume();
  { object.await_cancel(why) }
  noexcept->std::same_as<cancel_result>;
  { constant.await_must_resume() }
  noexcept->std::same_as<bool>;
};

/// What `co_await` of an Awaiter gives.
template <class Awaiter>
using await_result_t = decltype(std::declval<Awaiter&>().await_resume());

namespace detail {

/// The questions that are asked without knowing the awaiter's type.
struct awaiter_operations {
  cancel_result (*cancel)(void*, cancel_reason) noexcept;
  bool (*must_resume)(const void*) noexcept;
  void (*describe)(const void*, task_writer&);  ///< null: it does not say
  bool is_task;                                 ///< a task itself, and not something around one
};

template <class Awaiter>
constexpr auto describe_function() {
  if constexpr (requires(const Awaiter& object, task_writer& out) { object.await_describe(out); }) {
    return [](const void* object, task_writer& out) { static_cast<const Awaiter*>(object)->await_describe(out); };
  } else {
    return nullptr;
  }
}

template <class Awaiter>
constexpr bool is_task() {
  return requires { Awaiter::is_task; };
}

template <awaiter Awaiter>
inline constexpr awaiter_operations operations_of = {
    [](void* object, cancel_reason why) noexcept { return static_cast<Awaiter*>(object)->await_cancel(why); },
    [](const void* object) noexcept { return static_cast<const Awaiter*>(object)->await_must_resume(); },
    describe_function<Awaiter>(),
    is_task<Awaiter>(),
};

template <class Awaiter>
constexpr bool runs_when_cancelled() {
  if constexpr (requires { Awaiter::runs_when_cancelled; }) return Awaiter::runs_when_cancelled;
  return false;
}

}  // namespace detail
}  // namespace ringmill
