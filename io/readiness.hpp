// For foreign libraries that own their descriptors and want to be called when one is ready, or a time has come.
//
//   while (PQconsumeInput(connection) && PQisBusy(connection)) co_await rm::readable(PQsocket(connection));
//
// Cancel before you close: whoever owns a descriptor must not close it while a task waits for it. The kernel would not
// end the wait (it holds the open file, not the number), and the number would soon be another file's. Where a library
// closes by itself and says so in a callback, the callback cancels the task's scope (runtime/cancel_scope.hpp) and
// closes when that has ended. An rm::fd does this by itself when it is closed.
#pragma once

#include <ringmill/io/fd.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>
#include <ringmill/runtime/timer_queue.hpp>

namespace ringmill {

/// What a descriptor is ready for.
class RINGMILL_API readiness {
 public:
  explicit readiness(short events) noexcept : events_(events) {}
  /// A read would not block: there are bytes, or the end, or an error to be reported.
  bool is_readable() const noexcept;
  /// A write would not block, be it to fail.
  bool is_writable() const noexcept;
  /// An error, or the peer has gone; the next read or write says more.
  bool has_failed() const noexcept;

 private:
  short events_;  ///< poll(2)
};

/// The awaiter of the functions below.
class [[nodiscard]] RINGMILL_API readiness_op : public poll_op {
 public:
  using poll_op::poll_op;
  readiness await_resume() const { return readiness(poll_op::await_resume()); }
};

// co_await them: they come back when a read, or a write, would not block; at once if that is so already (poll(2)). They
// take nothing, and several tasks may wait for one descriptor. Throw std::system_error, for what is no descriptor, say.

RINGMILL_API readiness_op readable(int descriptor) noexcept;
RINGMILL_API readiness_op readable(fd& descriptor) noexcept;
RINGMILL_API readiness_op writable(int descriptor) noexcept;
RINGMILL_API readiness_op writable(fd& descriptor) noexcept;
RINGMILL_API readiness_op readable_or_writable(int descriptor) noexcept;
RINGMILL_API readiness_op readable_or_writable(fd& descriptor) noexcept;

/// A timer that can be set again while a task waits for it: what libraries mean by "call me in so many milliseconds,
/// and forget what I said before".
///
///   rm::deadline_timer timer;                  // set from the library's callback
///   for (;;) {                                 // in a task
///     co_await timer.wait();
///     curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
///   }
///
/// Belongs to the loop in which it is first set. One task may wait at a time. Without jitter, every second:
/// `timer.set(timer.deadline() + 1s)` after each wait.
class RINGMILL_API deadline_timer : private timer {
 public:
  class [[nodiscard]] wait_awaiter;

  deadline_timer() noexcept : timer(&fire) {}
  deadline_timer(const deadline_timer&) = delete;
  deadline_timer& operator=(const deadline_timer&) = delete;
  /// Checks that no task waits for it.
  ~deadline_timer();

  /// It is over at `deadline`, of the loop's clock, and at no time that was said before. Does not suspend; throws
  /// std::logic_error without a loop.
  void set(time_point deadline);
  /// The same, `length` from now.
  void set_after(duration length);
  /// It will not be over until it is set again; a task that waits goes on waiting.
  void cancel() noexcept;

  /// It was set, and no wait has been told yet that it is over.
  bool is_set() const noexcept { return is_over_ || is_armed(); }
  /// What it was set to last.
  time_point deadline() const noexcept { return deadline_; }

  /// co_await it: comes back when the deadline is over, at once if it was over before. Each setting is told to one
  /// wait. Throws std::logic_error if another task waits already.
  wait_awaiter wait() noexcept;

 private:
  static void fire(timer& base) noexcept;

  waiter* waiter_ = nullptr;
  time_point deadline_{};
  bool is_over_ = false;
};

class RINGMILL_API deadline_timer::wait_awaiter {
 public:
  explicit wait_awaiter(deadline_timer& owner) noexcept : owner_(&owner) {}
  bool await_ready() noexcept;
  bool await_suspend(waiter& who);
  void await_resume() const noexcept {}
  cancel_result await_cancel(cancel_reason) noexcept;
  bool await_must_resume() const noexcept { return true; }
  void await_describe(task_writer& out) const;

 private:
  deadline_timer* owner_;
};

inline deadline_timer::wait_awaiter deadline_timer::wait() noexcept { return wait_awaiter(*this); }

}  // namespace ringmill
