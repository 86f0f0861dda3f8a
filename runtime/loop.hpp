// One thread's event loop: the ready queue, the timers, and the driver that knows what happens outside.
#pragma once

#include <cstdint>
#include <type_traits>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>
#include <ringmill/runtime/run_queue.hpp>
#include <ringmill/runtime/task.hpp>
#include <ringmill/runtime/timer_queue.hpp>

namespace ringmill {

/// How much a loop has done; always counted.
struct loop_statistics {
  std::uint64_t turns = 0;    ///< times around
  std::uint64_t resumed = 0;  ///< waiters run from the ready queue
  std::uint64_t waits = 0;    ///< times it had nothing to run and blocked
};

/// Runs tasks on this thread until the one it was given has ended. All of it belongs to one thread.
///
/// A turn: run what was ready at its start, then look at the driver. So a task that yields for ever starves neither I/O
/// nor timers. The clock is read when the loop blocks and every few hundred resumes, not every turn.
class RINGMILL_API loop {
 public:
  /// `below` must outlive the loop.
  explicit loop(driver& below) noexcept : driver_(below) {}
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  ~loop();

  /// The loop that runs on this thread; throws std::logic_error if there is none.
  static loop& current();

  /// Runs `root` to its end and gives its value, or throws its error; operation_cancelled if it was cancelled,
  /// deadlock_error if nothing is left that could ever wake it. Throws std::logic_error inside another loop's run.
  template <class T>
  T run(task<T> root) {
    run_to_end(root);
    if constexpr (std::is_void_v<T>) {
      root.await_resume();
    } else {
      return root.await_resume();
    }
  }

  /// Asks the root task of `run` to stop; a later `run` is not affected.
  void cancel_root() noexcept;

  time_point now() noexcept { return driver_.now(); }
  void arm(timer& item, time_point deadline) { timers_.arm(item, deadline); }
  void disarm(timer& item) noexcept { timers_.disarm(item); }

  /// May a task go on inside the present resume? False after 128 of those: then it has to pass through the ready queue,
  /// which bounds both the stack and the time that one task can hold the loop by awaiting what is ready.
  bool take_budget() noexcept { return budget_ > 0 && budget_-- > 0; }

  const loop_statistics& statistics() const noexcept { return statistics_; }

 private:
  static constexpr int inline_budget = 128;
  static constexpr int resumes_per_clock_read = 256;

  void run_to_end(detail::task_base& root);
  void turn();
  void run_ready() noexcept;

  driver& driver_;
  run_queue ready_;
  timer_queue timers_;
  int budget_ = 0;
  int resumes_until_clock_read_ = resumes_per_clock_read;
  detail::task_base* root_ = nullptr;
  loop_statistics statistics_;
};

}  // namespace ringmill
