// run: the way in. Makes a ring and a loop on this thread and runs a task to its end.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <ringmill/io/kernel.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/loop.hpp>

namespace ringmill {

/// Runs `root` on `behind`, which may be any kernel. As `run` below.
template <class T>
T run_on(std::unique_ptr<kernel> behind, task<T> root) {
  ring below(std::move(behind));
  const ring_scope scope(below);
  loop here(below);
  return here.run(std::move(root));
}

/// Runs `root` to its end on a loop of its own and gives its value, or throws its error; operation_cancelled if it was
/// cancelled. Throws std::logic_error when a loop runs on this thread already, and std::system_error, with the reason
/// and the remedy, when io_uring is not to be had. Touches no signals.
template <class T>
T run(task<T> root, const ring_options& options = ring_options()) {
  if (detail::this_thread.attached_loop) {
    throw std::logic_error("run() inside of a running loop: co_await the task instead, or start it in a nursery");
  }
  return run_on(make_real_kernel(options), std::move(root));
}

namespace detail {
/// Calls `body`, prints what it throws, and gives the exit code.
RINGMILL_API int run_to_exit_code(const std::function<int()>& body) noexcept;

/// While it lives, the first SIGINT or SIGTERM cancels the loop's root task and the second exits with 130 (or 143).
class RINGMILL_API interrupt_scope {
 public:
  interrupt_scope();
  ~interrupt_scope();
  interrupt_scope(const interrupt_scope&) = delete;
  interrupt_scope& operator=(const interrupt_scope&) = delete;
  /// The signal that came, or 0.
  int signal() const noexcept;

 private:
  class watch;
  std::unique_ptr<watch> watch_;
};

template <class T>
task<int> interruptible(task<T> root) {
  const interrupt_scope interrupts;
  if constexpr (std::is_same_v<T, int>) {
    const int code = co_await std::move(root);
    co_return code;
  } else {
    co_await std::move(root);
    co_return 0;
  }
}
}  // namespace detail

/// For main(): as `run`, and SIGINT or SIGTERM cancels the task (a second one exits at once); errors are printed.
/// Gives the exit code: what a task<int> returned, 0, 1 for an error, 130 or 143 after a signal.
template <class T>
int run_main(task<T> root) {
  return detail::run_to_exit_code([&root] { return run(detail::interruptible(std::move(root))); });
}

}  // namespace ringmill
