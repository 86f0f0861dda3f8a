// A nursery: tasks that run side by side, and a block that is left only when all of them have ended.
//
//   rm::nursery clients;
//   co_await clients.run([&]() -> rm::task<> {
//     for (;;) clients.start(serve_one, co_await listener.accept());
//   });
#pragma once

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/exception_group.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

namespace detail {

template <class Body, class... Args>
class nursery_run;

/// Keeps a callable and its arguments in a frame of its own, for as long as the task that it makes may look at them.
template <class Function, class... Args>
task<> hold_and_call(Function function, Args... args) {
  co_await detail::invoke(function, std::move(args)...);
}

template <class Function, class... Args>
inline constexpr bool gives_awaitable = awaiter<std::invoke_result_t<Function&, Args...>>;

/// Is this a plain function that gives a task<> and whose parameters are values of the very types that are given, so
/// that calling it stores them in the coroutine's frame? A conversion does not: a string_view parameter would look at
/// the caller's temporary.
template <class Function, class... Args>
inline constexpr bool stores_its_arguments = false;
template <class... Params, class... Args>
requires(sizeof...(Params) ==
         sizeof...(Args)) inline constexpr bool stores_its_arguments<task<> (*)(Params...), Args...> =
    (std::is_same_v<Params, Args> && ...);

}  // namespace detail

/// Structured concurrency. `run(body)` runs the body and all that it starts, and comes back when the last has ended:
/// no child outlives it. Belongs to one loop; neither copied nor moved; may be run once more after.
///
/// What an error does is the nursery's policy:
///  - `nursery()`: the first error cancels the others and is thrown from `run` when all have ended; errors that come
///    after it are kept in `suppressed()`.
///  - `nursery::supervising(handler)`: a child's error goes to the handler, and the others go on. An error of the body,
///    or of the handler, is treated as above.
///  - `nursery::collecting()`: nobody is cancelled; `run` throws an exception_group of all errors at the end.
class RINGMILL_API nursery {
 public:
  using error_handler = std::function<void(std::exception_ptr)>;

  nursery() noexcept = default;
  static nursery supervising(error_handler handler) {
    if (!handler) throw std::logic_error("nursery::supervising() without a handler");
    return nursery(policy::supervise, std::move(handler));
  }
  static nursery collecting() { return nursery(policy::collect, {}); }
  nursery(const nursery&) = delete;
  nursery& operator=(const nursery&) = delete;
  ~nursery();

  /// co_await it: runs `body(args...)` (which gives a task<>) and every child. The callable and its arguments are kept
  /// until then, so a coroutine lambda that captures by reference is safe here.
  template <class Body, class... Args>
  [[nodiscard]] detail::nursery_run<std::decay_t<Body>, std::decay_t<Args>...> run(Body&& body, Args&&... args);

  /// Starts `function(args...)` as a child, on the next turn: nothing of it runs inside this call. Callable and
  /// arguments are stored by value and passed on as rvalues (std::ref for what outlives the nursery). If the nursery
  /// was cancelled the child ends unentered. Throws std::logic_error when `run` is not under way.
  template <class Function, class... Args>
  void start(Function&& function, Args&&... args) {
    static_assert(
        std::is_invocable_v<std::decay_t<Function>&, std::decay_t<Args>...>,
        "a nursery's child cannot be called with these arguments, which it gets as rvalues: std::ref(x) for a "
        "reference to what outlives the nursery");
    static_assert(detail::gives_awaitable<std::decay_t<Function>, std::decay_t<Args>...>,
                  "a nursery's child is a function that gives a task<>");
    if constexpr (detail::stores_its_arguments<std::decay_t<Function>, std::decay_t<Args>...>) {
      adopt(detail::invoke(std::forward<Function>(function), std::forward<Args>(args)...));
    } else {
      adopt(detail::hold_and_call<std::decay_t<Function>, std::decay_t<Args>...>(std::forward<Function>(function),
                                                                                 std::forward<Args>(args)...));
    }
  }

  /// Asks the body and all children to stop. Idempotent. `run` comes back, without an error, when they have.
  void cancel(cancel_reason why = cancel_reason("nursery::cancel() was called")) noexcept;
  bool is_cancelled() const noexcept { return cancelled_; }

  /// Children (the body among them) that have not ended.
  std::size_t size() const noexcept { return size_; }

  /// The errors after the first, in order of completion. Those that nobody looks at are logged.
  const std::vector<std::exception_ptr>& suppressed() const noexcept {
    suppressed_seen_ = true;
    return suppressed_;
  }

 private:
  friend class detail::promise_base;
  friend class loop;
  template <class Body, class... Args>
  friend class detail::nursery_run;
  enum class policy : std::uint8_t { cancel_on_error, supervise, collect };

  nursery(policy what, error_handler handler) : policy_(what), handler_(std::move(handler)) {}

  detail::promise_base& adopt(task<> child);
  void describe(task_writer& out) const;
  void open(waiter& joiner);
  void unlink(detail::promise_base& child) noexcept;
  void child_ended(detail::promise_base& child) noexcept;
  void child_cancelled() noexcept;
  void failed(std::exception_ptr error, bool is_body) noexcept;
  void suppress(std::exception_ptr error) noexcept;
  void leave_if_empty() noexcept;
  void finish();

  detail::promise_base* children_ = nullptr;  ///< the newest first
  detail::promise_base* body_ = nullptr;
  std::size_t size_ = 0;
  waiter* joiner_ = nullptr;
  const detail::context_node* context_ = nullptr;
  policy policy_ = policy::cancel_on_error;
  bool cancelled_ = false;
  bool cut_ = false;  ///< a child was ended by a cancel
  error_handler handler_;
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
  explicit nursery_run(nursery & owner, GivenBody && body, Given && ... args)
      : nursery_(owner), body_(std::forward<GivenBody>(body)), args_(std::forward<Given>(args)...) {}

  bool await_ready() noexcept { return false; }
  bool await_suspend(waiter & who) {
    task<> body = std::apply([&](auto&... arg) { return detail::invoke(body_, std::move(arg)...); }, args_);
    body.await_ready();  // a moved-from task throws here, before anything is open
    nursery_.open(who);
    nursery_.body_ = &nursery_.adopt(std::move(body));
    return true;
  }
  void await_resume() { nursery_.finish(); }
  cancel_result await_cancel(cancel_reason why) noexcept {
    nursery_.cancel(why);
    return cancel_result::pending();
  }
  bool await_must_resume() const noexcept { return nursery_.error_ || !nursery_.cut_; }
  void await_describe(task_writer & out) const { nursery_.describe(out); }

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
