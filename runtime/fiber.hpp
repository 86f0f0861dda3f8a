// fiber: synchronous code on a stack of its own, in which it can await.
//
//   int compare(const void* a, const void* b) { return rm::fiber_await(ask_the_server(a, b)); }
//   ...
//   co_await rm::fiber([&] { std::qsort(items.data(), items.size(), sizeof(item), &compare); });
//
// For libraries that know nothing of coroutines and call back, or call what can be replaced: while they wait for I/O,
// the loop runs other tasks. Code that blocks belongs into a thread or a worker process, not here.
//
// A task under cancellation is unwound by destroying frames, which a stack does not have. So in a fiber the request is
// an exception, fiber_cancelled, thrown by fiber_await. Catching it does not help: every further fiber_await throws it
// again, and what the function returns then is dropped.
#pragma once

#include <exception>
#include <source_location>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/fiber_stack.hpp>
#include <ringmill/runtime/result.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/task.hpp>
#include <ringmill/version.hpp>

#if !RINGMILL_HAS_FIBERS
#error "this ringmill was built without fibers: meson configure -Dfibers=enabled, which needs Boost.Context"
#endif

namespace ringmill {

namespace detail {
class fiber_base;
}  // namespace detail

/// Unwinds a fiber whose task was asked to stop. No std::exception, so that only `catch (...)` stands in its way: throw
/// it on from there.
class RINGMILL_API fiber_cancelled {
 public:
  fiber_cancelled(const fiber_cancelled&) noexcept = default;

 private:
  friend class detail::fiber_base;
  fiber_cancelled() noexcept = default;
};

namespace detail {

/// What a fiber waits for, without its type.
class fiber_request {
 public:
  using start_function = bool (*)(void* awaiter, waiter& who);

  template <awaiter Awaiter>
  explicit fiber_request(Awaiter& what) noexcept
      : awaiter_(&what),
        operations_(&operations_of<Awaiter>),
        start_([](void* object, waiter& who) { return static_cast<Awaiter*>(object)->await_suspend(who); }),
        takes_budget_itself_(requires { Awaiter::takes_inline_budget; }) {}
  /// Nothing but a way through the ready queue.
  fiber_request() noexcept = default;

 private:
  friend class fiber_base;
  void* awaiter_ = nullptr;
  const awaiter_operations* operations_ = nullptr;
  start_function start_ = nullptr;
  bool takes_budget_itself_ = false;
};

/// A function on its own stack, and the coroutine that carries it: whenever the fiber waits, the carrier is suspended
/// on its behalf. What is awaited is started from the carrier's stack, so no coroutine ever runs on the fiber's.
class RINGMILL_API fiber_base {
 public:
  fiber_base(const fiber_base&) = delete;
  fiber_base& operator=(const fiber_base&) = delete;

  /// The carrier's awaiter: runs the fiber until it waits, and comes back when it may go on. True: it has ended.
  class [[nodiscard]] step_awaiter {
   public:
    static constexpr bool runs_when_cancelled = true;  // or the fiber could not unwind
    static constexpr bool takes_inline_budget = true;
    explicit step_awaiter(fiber_base& owner) noexcept : fiber_(owner) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(waiter& who) { return fiber_.run(static_cast<promise_base&>(who)); }
    bool await_resume() const noexcept { return fiber_.ended_; }
    cancel_result await_cancel(cancel_reason why) noexcept { return fiber_.cancel(why); }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const { fiber_.describe(out); }

   private:
    fiber_base& fiber_;
  };
  step_awaiter step() noexcept { return step_awaiter(*this); }

  /// It was thrown a fiber_cancelled, and let no other error escape.
  bool was_unwound() const noexcept { return unwound_; }

  // On the fiber's stack.

  /// The fiber that runs; throws std::logic_error if none does.
  static fiber_base& current();
  /// Does the task of the running fiber have to stop? Then nothing is started but what `runs_when_cancelled`.
  bool is_cut_off() const noexcept { return static_cast<bool>(carrier_->why_cancelled()); }
  /// Suspends until `request` has ended; true: with a result or an error, which it then has. May throw what starting it
  /// threw.
  bool wait(const fiber_request& request, const std::source_location& where);
  [[noreturn]] void unwind();

 protected:
  using body_function = void (*)(fiber_base&) noexcept;
  fiber_base(stack_size size, body_function body);
  ~fiber_base();
  bool unwound_ = false;

 private:
  struct machine;  ///< what a jump needs; it lies at the top of the stack

  bool run(promise_base& carrier);
  void settle() noexcept;
  bool start();
  void enter() noexcept;
  cancel_result cancel(cancel_reason why) noexcept;
  void describe(task_writer& out) const;

  fiber_stack stack_;
  machine* machine_;
  body_function body_;
  promise_base* carrier_ = nullptr;
  const fiber_request* request_ = nullptr;
  std::source_location where_;  ///< of its last wait
  std::exception_ptr start_error_;
  bool started_ = false;
  bool stopped_ = false;  ///< what it waited for stopped at once when it was asked to
  bool has_result_ = true;
  bool ended_ = false;
};

template <class Function, class... Args>
class fiber_call final : public fiber_base {
 public:
  using result_type = std::invoke_result_t<Function, Args...>;

  fiber_call(stack_size size, Function& function, std::tuple<Args...>& args)
      : fiber_base(size, &call), function_(function), args_(args) {}

  result_type take() { return std::move(result_).value(); }

 private:
  static void call(fiber_base& base) noexcept {
    auto& self = static_cast<fiber_call&>(base);
    try {
      if constexpr (std::is_void_v<result_type>) {
        std::apply(std::move(self.function_), std::move(self.args_));
        self.result_ = result<void>(std::monostate());
      } else {
        self.result_ = result<result_type>(std::apply(std::move(self.function_), std::move(self.args_)));
      }
    } catch (const fiber_cancelled&) {
    } catch (...) {
      self.unwound_ = false;
      self.result_ = result<result_type>(std::current_exception());
    }
  }

  Function& function_;
  std::tuple<Args...>& args_;
  result<result_type> result_;
};

/// Awaits `what` in the running fiber; true: it has a result or an error, false: it was cut off.
template <class Awaitable>
bool wait_in_fiber(Awaitable& what, const std::source_location& where) {
  static_assert(awaiter<Awaitable>, "this cannot be awaited: it does not answer the questions of runtime/awaiter.hpp");
  fiber_base& here = fiber_base::current();
  const bool cut_off = !runs_when_cancelled<Awaitable>() && here.is_cut_off();
  if (cut_off && !has_inline_budget()) return false;
  if (what.await_ready()) return take_inline_budget() || here.wait(fiber_request(), where);
  return !cut_off && here.wait(fiber_request(what), where);
}

}  // namespace detail

/// In a fiber: what `co_await what` gives or throws in a coroutine; meanwhile the loop runs other tasks. Throws
/// fiber_cancelled if the task is asked to stop, std::logic_error outside of a fiber. A destructor that runs while the
/// fiber is being unwound can await a shield only, or use fiber_await_result.
template <class Awaitable>
auto fiber_await(Awaitable&& what, std::source_location where = std::source_location::current())
    -> await_result_t<Awaitable> {
  static_assert(!std::is_lvalue_reference_v<Awaitable>,
                "await a temporary or std::move(it): it can be awaited only once");
  if (!detail::wait_in_fiber(what, where)) detail::fiber_base::current().unwind();
  return what.await_resume();
}

/// The same for code that must not be thrown through, such as a callback of a C library: gives a result, which is
/// cancelled if the task is asked to stop. Throws nothing inside a fiber.
template <class Awaitable>
auto fiber_await_result(Awaitable&& what, std::source_location where = std::source_location::current())
    -> result<await_result_t<Awaitable>> {
  static_assert(!std::is_lvalue_reference_v<Awaitable>,
                "await a temporary or std::move(it): it can be awaited only once");
  detail::result_awaiter<Awaitable> outcome(std::forward<Awaitable>(what));
  if (!detail::wait_in_fiber(outcome, where)) return {};
  return outcome.await_resume();
}

/// co_await it: runs `function(args...)` on a stack of its own and gives what it returns, or throws what it throws.
/// Callable and arguments are kept meanwhile, and passed as rvalues. Throws std::system_error if there is no stack.
template <class Function, class... Args>
requires std::invocable<Function, Args...> task<std::invoke_result_t<Function, Args...>> fiber(stack_size size,
                                                                                               Function function,
                                                                                               Args... args) {
  std::tuple<Args...> kept(std::move(args)...);
  detail::fiber_call<Function, Args...> call(size, function, kept);
  while (!co_await call.step()) {
  }
  if (call.was_unwound()) co_await yield();  // and not beyond: the task is under cancellation
  co_return call.take();
}

/// The same with a stack of the default size.
template <class Function, class... Args>
requires std::invocable<Function, Args...> task<std::invoke_result_t<Function, Args...>> fiber(Function function,
                                                                                               Args... args) {
  return fiber(stack_size(), std::move(function), std::move(args)...);
}

}  // namespace ringmill
