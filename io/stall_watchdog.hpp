// Finds the coroutine that holds the loop: one that computes, or calls something that blocks, instead of awaiting.
//
//   rm::stall_watchdog watchdog(50ms);  // in main's task, say
//
// It costs the loop nothing: a thread looks at its heartbeat.
#pragma once

#include <string_view>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill {

/// While it lives, a thread of its own watches the loop of the thread that made it. When one turn takes longer than
/// `limit`, it asks that thread, with the signal SIGRTMAX - 1, what it is doing. Each stall is reported once: the task
/// that runs, with its function, where it awaited last, the tasks that await it, and a backtrace of the thread
/// (addresses in a program that was not linked with -rdynamic: for addr2line). When the stall is over its length is
/// reported.
///
/// The signal interrupts what blocks: sleep(3) comes back early, read(2) and its kind are restarted.
class RINGMILL_API stall_watchdog {
 public:
  /// Called on the watchdog's thread, with lines that do not end in a line break; must not throw.
  using report_function = std::function<void(std::string_view text)>;

  /// On the thread of the loop, which it must not outlive. Without `report`, it writes to the log (runtime/log.hpp).
  /// Throws std::logic_error without a loop, or if the thread has a watchdog already. Does not suspend.
  explicit stall_watchdog(duration limit = std::chrono::milliseconds(100), report_function report = {});
  /// On the same thread. The handler that the signal had before the first watchdog is back after the last.
  ~stall_watchdog();
  stall_watchdog(const stall_watchdog&) = delete;
  stall_watchdog& operator=(const stall_watchdog&) = delete;

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace ringmill
