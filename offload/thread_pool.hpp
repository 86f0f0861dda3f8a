// thread_pool: calls that block but cannot leave the process, awaited like a read.
//
//   std::string name = co_await rm::blocking(look_up_user, id);      // getpwuid_r(3), which may ask a server
//
//   rm::thread_pool disks(rm::thread_pool_options().threads(2).name("disks"));
//   co_await disks.run(write_with_old_library, path, std::move(bytes));
//
//   // A function that takes a std::stop_token first gets one: how a cancel or a time limit reaches it.
//   int best = co_await rm::with_timeout(2s, rm::blocking(search, board));   // int search(std::stop_token, board)
//
// A thread cannot be killed: whoever awaits a call waits until it has ended, even when cancelled. What may hang or
// crash, or just computes, belongs in a process_pool, which can be told to stop it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/result.hpp>

namespace ringmill {

/// How a pool of threads is made.
class thread_pool_options {
 public:
  thread_pool_options() noexcept {}
  /// Most threads; by default four more than there are processors, and 32 at most. At least 1. Each is started when a
  /// call finds none that is free, and stays until the pool ends.
  thread_pool_options& threads(std::size_t most) noexcept { return threads_ = most ? most : 1, *this; }
  /// Most calls that wait for a thread; one more throws queue_full. Unlimited by default: a call that waits takes no
  /// memory but its task's, and the task waits with it.
  thread_pool_options& queue_limit(std::size_t most) noexcept { return queue_limit_ = most, *this; }
  /// What the threads are called in top(1) and debuggers, up to 15 bytes of it, and the pool in the task tree.
  thread_pool_options& name(std::string text) noexcept { return name_ = std::move(text), *this; }

  std::size_t threads() const noexcept { return threads_; }
  std::size_t queue_limit() const noexcept { return queue_limit_; }
  const std::string& name() const noexcept { return name_; }

 private:
  RINGMILL_API static std::size_t default_threads() noexcept;

  std::size_t threads_ = default_threads();
  std::size_t queue_limit_ = SIZE_MAX;
  std::string name_ = "blocking";
};

namespace detail {

class thread_pool_core;

/// A call without its types: what a pool queues and a coroutine awaits. Lives in the awaiting frame, with its arguments
/// and its result; a thread works on it there.
class RINGMILL_API thread_call : private callback_waiter {
 public:
  thread_call& operator=(const thread_call&) = delete;
  virtual ~thread_call();

  // The awaiter protocol (runtime/awaiter.hpp).
  bool await_ready() const noexcept { return false; }
  bool await_suspend(waiter& who);
  cancel_result await_cancel(cancel_reason) noexcept;
  bool await_must_resume() const noexcept { return !gave_up(); }
  void await_describe(task_writer& out) const;

 protected:
  explicit thread_call(thread_pool_core& pool) noexcept : callback_waiter(&stop_is_due), pool_(pool) {}
  /// A call moves before it is awaited only.
  thread_call(thread_call&& other) noexcept : thread_call(other.pool_) {}

 private:
  friend class thread_pool_core;
  class note;
  enum class state : std::uint8_t { idle, queued, running, ended };

  /// On a thread of the pool.
  virtual void call() noexcept = 0;
  /// On the loop's thread, like all the rest. The token's callbacks are strangers' code: they run from the loop, not
  /// inside of the call that cancels.
  virtual void request_stop() noexcept = 0;
  /// It was asked to stop, and did.
  virtual bool gave_up() const noexcept = 0;
  static void stop_is_due(callback_waiter& base) noexcept { static_cast<thread_call&>(base).request_stop(); }
  void ended() noexcept;

  thread_pool_core& pool_;
  waiter* waiter_ = nullptr;
  loop* home_ = nullptr;
  std::unique_ptr<posted_node> note_;  ///< what the thread posts; made before, so that it cannot fail there
  std::optional<loop::expected_post> answer_will_come_;
  // Below: under the pool's lock.
  thread_call* next_ = nullptr;
  thread_call* previous_ = nullptr;
  int thread_ = 0;  ///< the kernel's number of the one that runs it
  state state_ = state::idle;
};

/// The awaiter of `blocking` and `thread_pool::run`.
template <class Function, class... Args>
class [[nodiscard("a call is made when it is awaited")]] blocking_call final : public thread_call {
  static constexpr bool takes_token = std::is_invocable_v<Function, std::stop_token, Args...>;
  static_assert(takes_token || std::is_invocable_v<Function, Args...>,
                "the function cannot be called with these arguments: they are kept by value and given as rvalues, as "
                "std::thread does; use std::ref for a reference that stays valid until the call has ended");

  static auto result_of() {
    if constexpr (takes_token) {
      return std::type_identity<std::invoke_result_t<Function, std::stop_token, Args...>>();
    } else {
      return std::type_identity<std::invoke_result_t<Function, Args...>>();
    }
  }

 public:
  using result_type = typename decltype(result_of())::type;
  static_assert(!std::is_base_of_v<task_base, result_type>,
                "a task runs on its loop's thread: await it, and give plain functions to a thread");
  static_assert(!std::is_rvalue_reference_v<result_type>, "the function gives a reference to something that is gone");

  template <class GivenFunction, class... Given>
  explicit blocking_call(thread_pool_core & pool, GivenFunction && given, Given && ... args)
      : thread_call(pool), function_(std::forward<GivenFunction>(given)), args_(std::forward<Given>(args)...) {}
  blocking_call(blocking_call &&) = default;

  result_type await_resume() { return std::move(result_).value(); }

 private:
  using stop_source = std::conditional_t<takes_token, std::stop_source, std::monostate>;

  void call() noexcept override {
    try {
      if constexpr (std::is_void_v<result_type>) {
        call_function();
        result_ = result<void>(std::monostate());
      } else if constexpr (std::is_reference_v<result_type>) {
        result_ = result<result_type>(std::ref(call_function()));
      } else {
        result_ = result<result_type>(call_function());
      }
    } catch (const operation_cancelled&) {
      if (!was_asked_to_stop()) result_ = result<result_type>(std::current_exception());
    } catch (...) {
      result_ = result<result_type>(std::current_exception());
    }
  }
  decltype(auto) call_function() {
    return std::apply(
        [&](auto&... arg) -> decltype(auto) {
          if constexpr (takes_token) {
            return detail::invoke(std::move(function_), source_.get_token(), std::move(arg)...);
          } else {
            return detail::invoke(std::move(function_), std::move(arg)...);
          }
        },
        args_);
  }
  bool was_asked_to_stop() const noexcept {
    if constexpr (takes_token) return source_.stop_requested();
    return false;
  }
  void request_stop() noexcept override {
    if constexpr (takes_token) source_.request_stop();
  }
  bool gave_up() const noexcept override { return result_.is_cancelled(); }

  Function function_;
  std::tuple<Args...> args_;
  [[no_unique_address]] stop_source source_;
  result<result_type> result_;
};

}  // namespace detail

/// Threads for calls that block, and one queue for them: first come, first served. May be used from the loops of
/// several threads at a time. Must outlive its calls; its destructor ends the threads and waits for that.
///
/// All signals but those of faults are blocked in its threads, so that none is taken away from the loops; a child
/// process that a function starts inherits that (ringmill's own `process` does not).
class RINGMILL_API thread_pool {
 public:
  /// Starts no thread yet.
  explicit thread_pool(const thread_pool_options& options = thread_pool_options());
  ~thread_pool();
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  /// co_await it: `function(args...)`, called on a thread of the pool; gives its value or throws its exception.
  /// Function and arguments are kept by value. If the function can take a std::stop_token first, it gets one.
  ///
  /// Cancelled in the queue, it is never called. Cancelled while it runs, a stop is requested of its token, and the
  /// await ends when the call has: with its value or error if it came to one, which is never thrown away. A function
  /// that gives up throws operation_cancelled.
  ///
  /// Throws, at the await: queue_full; std::system_error if the first thread cannot be started. If further ones cannot,
  /// the call waits for those that are there.
  template <class Function, class... Args>
  detail::blocking_call<std::decay_t<Function>, std::decay_t<Args>...> run(Function&& function, Args&&... args) {
    return detail::blocking_call<std::decay_t<Function>, std::decay_t<Args>...>(
        *core_, std::forward<Function>(function), std::forward<Args>(args)...);
  }

  /// Threads that there are, busy or not.
  std::size_t threads() const;
  /// Calls that wait for a thread.
  std::size_t queued() const;
  /// Calls that a thread is at.
  std::size_t running() const;

 private:
  friend thread_pool& default_thread_pool();
  detail::thread_pool_core* core_;
};

/// The pool of `blocking`: one for the process, with the default options. It is never destroyed, so that the program's
/// end waits for nothing.
RINGMILL_API thread_pool& default_thread_pool();

/// co_await it: `function(args...)`, called on another thread, as thread_pool::run does.
template <class Function, class... Args>
auto blocking(Function&& function, Args&&... args) {
  return default_thread_pool().run(std::forward<Function>(function), std::forward<Args>(args)...);
}

}  // namespace ringmill
