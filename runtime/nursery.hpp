// A nursery: tasks that run side by side, and a block that is left only when all of them have ended.
//
//   rm::nursery clients;
//   co_await clients.run([&]() -> rm::task<> {
//     for (;;) clients.start(serve_one, co_await listener.accept());
//   });
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

namespace detail {

template <class Body, class... Args>
class nursery_run;

/// Keeps a callable and its arguments in a frame of its own, for as long as the task that it makes may look at them.
template <class Function, class... Args>
task<> hold_and_call(Function function, Args... args) {
  co_await std::invoke(function, std::move(args)...);
}

/// Is this a plain function whose parameters are all values, so that calling it stores them in the coroutine's frame?
template <class Function>
inline constexpr bool stores_its_arguments = false;
template <class Result, class... Params>
inline constexpr bool stores_its_arguments<Result (*)(Params...)> = (!std::is_reference_v<Params> && ...);

}  // namespace detail

/// Structured concurrency. `run(body)` runs the body and all that it starts, and comes back when the last has ended:
/// no child outlives it. The first error cancels the others and is thrown from `run` when all have ended; errors that
/// come after it are kept in `suppressed()`. Belongs to one loop; neither copied nor moved; may be run once more after.
class RINGMILL_API nursery {
 public:
  nursery() noexcept = default;
  nursery(const nursery&) = delete;
  nursery& operator=(const nursery&) = delete;
  ~nursery();

  /// co_await it: runs `body(args...)` (which gives a task<>) and every child. The callable and its arguments are kept
  /// until then, so a coroutine lambda that captures by reference is safe here.
  template <class Body, class... Args>
  [[nodiscard]] detail::nursery_run<std::decay_t<Body>, std::decay_t<Args>...> run(Body&& body, Args&&... args);

  /// Starts `function(args...)` as a child, on the next turn: nothing of it runs inside this call. Callable and arguments
  /// are stored by value and passed on as rvalues (std::ref for what outlives the nursery). If the nursery was
  /// cancelled the child ends unentered. Throws std::logic_error when `run` is not under way.
  template <class Function, class... Args>
  void start(Function&& function, Args&&... args) {
    if constexpr (detail::stores_its_arguments<std::decay_t<Function>>) {
      adopt(std::invoke(std::forward<Function>(function), std::forward<Args>(args)...));
    } else {
      adopt(detail::hold_and_call<std::decay_t<Function>, std::decay_t<Args>...>(std::forward<Function>(function),
                                                                                 std::forward<Args>(args)...));
    }
  }

  /// Asks the body and all children to stop. Idempotent. `run` comes back, without an error, when they have.
  void cancel() noexcept;
  bool is_cancelled() const noexcept { return cancelled_; }

  /// Children (the body among them) that have not ended.
  std::size_t size() const noexcept { return size_; }

  /// The errors after the first, in order of completion. Whoever does not look finds them on standard error.
  const std::vector<std::exception_ptr>& suppressed() const noexcept {
    suppressed_seen_ = true;
    return suppressed_;
  }

 private:
  friend class detail::promise_base;
  template <class Body, class... Args>
  friend class detail::nursery_run;

  void adopt(task<> child);
  void open(waiter& joiner);
  void unlink(detail::promise_base& child) noexcept;
  void child_ended(detail::promise_base& child) noexcept;
  void child_cancelled() noexcept;
  void leave_if_empty() noexcept;
  void finish();

  detail::promise_base* children_ = nullptr;
  std::size_t size_ = 0;
  waiter* joiner_ = nullptr;
  bool cancelled_ = false;
  bool cut_ = false;  ///< a child was ended by a cancel
  std::exception_ptr error_;
  std::vector<std::exception_ptr> suppressed_;
  mutable bool suppressed_seen_ = false;
};

namespace detail {

/// The awaiter of `nursery::run`.
template <class Body, class... Args>
class [[nodiscard("a nursery runs when its run() is awaited")]] nursery_run {
 public:
  template <class GivenBody, class... Given>
  explicit nursery_run(nursery& owner, GivenBody&& body, Given&&... args)
      : nursery_(owner), body_(std::forward<GivenBody>(body)), args_(std::forward<Given>(args)...) {}

  bool await_ready() noexcept { return false; }
  bool await_suspend(waiter& who) {
    task<> body = std::apply([&](auto&... arg) { return std::invoke(body_, std::move(arg)...); }, args_);
    nursery_.open(who);
    nursery_.adopt(std::move(body));
    return true;
  }
  void await_resume() { nursery_.finish(); }
  cancel_result await_cancel() noexcept {
    nursery_.cancel();
    return cancel_result::pending();
  }
  bool await_must_resume() const noexcept { return nursery_.error_ || !nursery_.cut_; }

 private:
  nursery& nursery_;
  Body body_;
  std::tuple<Args...> args_;
};

}  // namespace detail

template <class Body, class... Args>
detail::nursery_run<std::decay_t<Body>, std::decay_t<Args>...> nursery::run(Body&& body, Args&&... args) {
  return detail::nursery_run<std::decay_t<Body>, std::decay_t<Args>...>(*this, std::forward<Body>(body),
                                                                        std::forward<Args>(args)...);
}

}  // namespace ringmill
