// A loop inside of another one: for programs that have an event loop already.
//
//   rm::host_loop tasks;
//   tasks.detach(serve, 7000);
//   add_to_epoll(tasks.poll_fd());                          // readable
//   for (;;) {
//     wait_in_epoll(events, tasks.poll_timeout());          // the program's own
//     handle(events);
//     tasks.run_once();
//   }
//
// docs/embedding.md says more; examples/embed_epoll.cpp is a whole program.
#pragma once

#include <optional>
#include <utility>

#include <ringmill/io/kernel.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/loop.hpp>

namespace ringmill {

/// A ring and a loop, which are this thread's own for as long as it lives. The program's loop waits for it and calls
/// it; in between it may start, wake and cancel tasks. All but `post` and `wake` belongs to the thread that made it,
/// and not to a forked child (both are checked: it says so and aborts).
class RINGMILL_API host_loop {
 public:
  /// Throws std::system_error, as `run` does, when io_uring is not to be had, and std::logic_error if the thread has a
  /// loop already.
  explicit host_loop(const ring_options& options = ring_options());
  /// The same on any kernel.
  explicit host_loop(std::unique_ptr<kernel> behind);
  /// Cancels the tasks that are left and blocks until they have ended. An error of one of them is logged: to get it,
  /// call `shutdown` first.
  ~host_loop();
  host_loop(const host_loop&) = delete;
  host_loop& operator=(const host_loop&) = delete;

  // What the program's loop waits for.

  /// Readable (POLLIN, EPOLLIN) when there is something to do, be it an operation that has ended or a `post`. May be
  /// waited for level-triggered or edge-triggered; it is this object's, do not read from it.
  int poll_fd() const noexcept { return poll_fd_; }
  /// When `run_once` has to be called at the latest; nothing: when `poll_fd` is readable.
  std::optional<time_point> next_deadline() noexcept;
  /// The same in milliseconds from now, rounded up, as epoll_wait(2) and poll(2) want it: -1 for nothing. Ask after the
  /// last thing that was done with tasks and before waiting.
  int poll_timeout() noexcept;

  /// Runs what is ready and takes in what has happened: one turn, without blocking. Called too often it costs 100 ns.
  /// Throws the first error of a task that nobody handled.
  void run_once();

  // Tasks; see runtime/loop.hpp.

  /// Starts `function(args...)`, on the next turn. Such a task belongs to this object and has no one who waits for it.
  template <class Function, class... Args>
  void detach(Function&& function, Args&&... args) {
    loop_.detach(std::forward<Function>(function), std::forward<Args>(args)...);
  }
  /// Cancels the tasks and blocks until they have ended. Throws the first error that nobody handled.
  void shutdown(duration patience = std::chrono::seconds(10)) { loop_.shutdown(patience); }
  /// For error handlers, statistics, the clock.
  loop& underlying() noexcept { return loop_; }

  // From any thread.

  /// Calls `function()` on this loop's thread, in a turn to come, and wakes the program's loop for it.
  template <class Function>
  void post(Function function) {
    loop_.post(std::move(function));
  }
  /// Makes the program's loop come back from its wait.
  void wake() noexcept { loop_.wake(); }

 private:
  void check_thread() const noexcept;

  ring ring_;
  ring_scope ring_scope_;
  loop loop_;
  loop::attachment attachment_;
  int poll_fd_;
};

}  // namespace ringmill
