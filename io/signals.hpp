// Signals as values that a task awaits, instead of handlers.
//
//   rm::signal_set signals({SIGHUP, SIGUSR1});
//   for (;;) {
//     const int number = co_await signals.next();
//     if (number == SIGHUP) reload();
//   }
#pragma once

#include <initializer_list>

#include <ringmill/io/ops.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>

namespace ringmill {

namespace detail {
class blocked_signals;
}  // namespace detail

/// While it lives, its signals are blocked on this thread and kept for `next`; nothing is interrupted and no handler
/// runs. Belongs to the loop of its thread, and must not outlive that.
///
/// signal(7): a signal that comes again before it was taken is one, but for the real-time signals, which queue. Of
/// several that are pending the lowest number is first. A signal that is sent to the whole process may reach another
/// thread: block it before you start one, threads inherit that. One that several sets ask for, or run_main (SIGINT and
/// SIGTERM), goes to one of them. Child processes of `process::spawn` start with nothing blocked.
class RINGMILL_API signal_set {
 public:
  class [[nodiscard]] next_awaiter;

  /// Throws std::invalid_argument for a number that cannot be awaited (SIGKILL, SIGSTOP, and SIGSEGV and its kind,
  /// which the thread raises itself), std::system_error if there is no descriptor. Does not suspend.
  explicit signal_set(std::initializer_list<int> signals);
  /// What was not taken by then takes its old course: most signals end the program.
  ~signal_set();
  signal_set(signal_set&& other) noexcept;
  signal_set& operator=(signal_set&& other) noexcept;

  /// co_await it: gives the number of the next signal. A cancelled one takes none. Several tasks may wait: each signal
  /// goes to one of them. If the set is destroyed meanwhile it throws std::errc::operation_canceled.
  next_awaiter next() noexcept;

 private:
  std::unique_ptr<detail::blocked_signals> signals_;
};

class RINGMILL_API signal_set::next_awaiter : public poll_op {
 public:
  explicit next_awaiter(detail::blocked_signals& from) noexcept;
  bool await_ready() noexcept;
  int await_resume() const;

 private:
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;

  detail::blocked_signals* from_;
  int number_ = 0;  ///< taken
};

}  // namespace ringmill
