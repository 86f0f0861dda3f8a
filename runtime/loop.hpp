// One thread's event loop: the ready queue, the timers, and the driver that knows what happens outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/driver.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/posted.hpp>
#include <ringmill/runtime/run_queue.hpp>
#include <ringmill/runtime/task.hpp>
#include <ringmill/runtime/timer_queue.hpp>

namespace ringmill {

/// How much a loop has done; always counted.
struct loop_statistics {
  std::uint64_t turns = 0;    ///< times around
  std::uint64_t resumed = 0;  ///< waiters run from the ready queue
  std::uint64_t waits = 0;    ///< times it had nothing to run and blocked
  std::uint64_t posted = 0;   ///< functions that came in by post
};

/// Runs tasks on one thread. `run` drives it until the task that it was given has ended. A program with a loop of its
/// own attaches it to its thread, detaches tasks on it, and calls `run_once` when its driver has something to say or
/// `next_deadline` is over. Only `post` and `wake` may be called from other threads.
///
/// A turn: run what was ready at its start, then look at the driver. So a task that yields for ever starves neither I/O
/// nor timers. The clock is read when the loop blocks, and else so often that timers are a fraction of a millisecond
/// late at most if the tasks are quick: every few hundred resumes, or every single one if each takes long.
class RINGMILL_API loop {
 public:
  using error_handler = nursery::error_handler;

  /// `below` must outlive the loop.
  explicit loop(driver& below) noexcept;
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  /// No task may be left: `run` sees to it, else `shutdown`.
  ~loop();

  /// The loop that this thread runs or is attached to; throws std::logic_error if there is none.
  static loop& current();

  /// Makes a loop this thread's own for as long as it lives; for hosts, which wake its tasks between two `run_once`.
  /// Throws std::logic_error if the thread has one already.
  class RINGMILL_API attachment {
   public:
    explicit attachment(loop& here);
    ~attachment();
    attachment(const attachment&) = delete;
    attachment& operator=(const attachment&) = delete;
  };

  /// Runs `root` to its end, then cancels what is detached and awaits that; gives root's value, or throws its error;
  /// operation_cancelled if it was cancelled, deadlock_error if nothing is left that could ever wake it. Throws
  /// std::logic_error inside of a run.
  template <class T>
  T run(task<T> root) {
    const std::exception_ptr of_detached = run_to_end(root);
    if (!of_detached) return root.await_resume();
    try {
      static_cast<void>(root.await_resume());
    } catch (...) {
      log_lost(of_detached);
      throw;
    }
    std::rethrow_exception(of_detached);
  }

  /// Asks the root task of `run` to stop; a later `run` is not affected.
  void cancel_root(cancel_reason why = cancel_reason("loop::cancel_root() was called")) noexcept;

  // Detached tasks. They belong to the loop.

  /// Starts `function(args...)`, as nursery::start does, without a nursery: for what lives as long as the program. An
  /// error that it throws goes to the handler, if there is one; else it cancels the root, and `run` throws it.
  template <class Function, class... Args>
  void detach(Function&& function, Args&&... args) {
    open_detached();
    detached_.start(std::forward<Function>(function), std::forward<Args>(args)...);
  }
  void set_error_handler(error_handler handler) { on_error_ = std::move(handler); }
  std::size_t detached_tasks() const noexcept { return detached_open_ ? detached_.size() - 1 : 0; }
  /// Runs what is posted, cancels what is detached and runs until it has ended; whoever has not after `patience` is
  /// named in the log. Done by `run` too. Throws the first error that was not handled.
  void shutdown(duration patience = std::chrono::seconds(10));

  // A host's own loop.

  /// One turn. If nothing is ready it blocks until something happens, but not beyond `until`: time_point::min() does
  /// not block. Throws the first error of a detached task that was not handled.
  void run_once(time_point until);
  /// When `run_once` has to be called at the latest if nothing happens: now, if something is ready; nothing if there is
  /// no timer either.
  std::optional<time_point> next_deadline() noexcept;

  // From any thread.

  /// Calls `function()` on the loop's thread, soon, in the order of the calls. It may wake and start tasks but not
  /// await; what it throws is treated as the error of a detached task. The loop must be there when the call begins; its
  /// destructor waits for calls that are under way, so `function` may be what ends it.
  template <class Function>
  void post(Function function) {
    post_node(*new detail::posted_function<Function>(std::move(function)));
  }
  /// The same, of what was made by new before: where it must not fail. The loop deletes it.
  void post_node(detail::posted_node& node) noexcept;
  /// Makes a loop that blocks take another turn.
  void wake() noexcept;

  // For awaiters.

  time_point now() noexcept { return driver_.now(); }
  /// What it was made on.
  driver& below() noexcept { return driver_; }
  void arm(timer& item, time_point deadline) noexcept { timers_.arm(item, deadline); }
  void disarm(timer& item) noexcept { timers_.disarm(item); }
  /// While it lives a post may come: a loop with nothing else to wait for is not deadlocked.
  class RINGMILL_API expected_post {
   public:
    explicit expected_post(loop& here) noexcept;
    expected_post(expected_post&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)) {}
    expected_post& operator=(expected_post&&) = delete;
    ~expected_post();  ///< on the loop's thread

   private:
    loop* loop_;
  };

  // Looking at it.

  const loop_statistics& statistics() const noexcept { return statistics_; }
  /// See runtime/inspect.hpp.
  std::string dump_tasks();
  /// Grows with each turn and each wait: even while the loop waits, odd while it runs tasks. From any thread.
  std::uint64_t heartbeat() const noexcept;

 private:
  static constexpr int most_resumes_per_clock_read = 256;

  /// The detached tasks' nursery never ends by itself, so nobody is told.
  class silent_joiner : public callback_waiter {
   public:
    silent_joiner() noexcept : callback_waiter([](callback_waiter&) noexcept {}) {}
  };
  class running_scope;
  class calling_scope;

  std::exception_ptr run_to_end(detail::task_base& root);
  void run_until(const bool& over, bool is_cancelled);
  inline void run_tasks() noexcept;
  void look_outside(time_point until);
  void look_at_clock() noexcept;
  void wait(time_point until);
  void fire_timers() noexcept;
  static void log_lost(const std::exception_ptr& error) noexcept;
  inline void run_ready() noexcept;
  void run_posted() noexcept;
  bool has_posted() const noexcept;
  bool can_go_on() const noexcept;
  void beat() noexcept;
  void open_detached();
  void unhandled(std::exception_ptr error) noexcept;
  void rethrow_unhandled();
  time_point read_clock() noexcept;
  void adapt_clock_reads(duration since_last) noexcept;

  driver& driver_;
  run_queue ready_;
  timer_queue timers_;
  int resumes_per_clock_read_ = 1;
  int resumes_until_clock_read_ = 1;
  std::uint16_t id_;
  bool running_ = false;
  bool detached_open_ = false;
  detail::task_base* root_ = nullptr;
  silent_joiner detached_joiner_;
  nursery detached_;
  error_handler on_error_;
  std::exception_ptr unhandled_;
  std::size_t expected_posts_ = 0;
  loop_statistics statistics_;
  // These three belong to several threads: only by std::atomic_ref, in loop.cpp. As std::atomic they would bring 4,400
  // lines of <atomic> into every file that sleeps.
  std::uint64_t heartbeat_ = 0;
  mutable detail::posted_node* posted_ = nullptr;  ///< the newest first; mutable, for atomic_ref has no const load
  int calls_under_way_ = 0;                        ///< from other threads
};

}  // namespace ringmill
