// The task tree on demand: `kill -USR1 PID`.
//
//   rm::signal_dump dump(SIGUSR1);  // in main's task
#pragma once

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>

namespace ringmill {

/// While it lives, that signal prints the tasks of this thread's loop (runtime/inspect.hpp) to standard error, as soon
/// as the loop has its turn: not while a task holds it (io/stall_watchdog.hpp finds that one). The signal is blocked on
/// this thread only: one that is sent to the whole process may reach another thread, unless that blocks it too.
class RINGMILL_API signal_dump {
 public:
  /// Throws std::logic_error without a ring, std::system_error for a signal that no program gets. Does not suspend.
  explicit signal_dump(int signal);
  ~signal_dump();  ///< a signal that is pending then is still served
  signal_dump(const signal_dump&) = delete;
  signal_dump& operator=(const signal_dump&) = delete;

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace ringmill
