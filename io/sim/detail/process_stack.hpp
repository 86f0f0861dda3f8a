// A stack of its own for the program of a simulated process, onto which and back from which the thread jumps.
//
// Not runtime/fiber.hpp, which belongs to a coroutine that carries it, and is there only where Boost.Context is. So is
// its jump, which costs a few nanoseconds; else ucontext(3) jumps, with a system call each time.
#pragma once

#include <functional>
#include <memory>

#include <ringmill/runtime/detail/sanitizers.hpp>
#include <ringmill/runtime/fiber_stack.hpp>

namespace ringmill::sim::detail {

class process_stack {
 public:
  /// `body` must not throw. Throws std::system_error.
  explicit process_stack(std::function<void()> body);
  ~process_stack();
  process_stack(const process_stack&) = delete;
  process_stack& operator=(const process_stack&) = delete;

  /// Goes on with the body, until it calls `leave` or has returned: then it must not be entered again.
  void enter() noexcept;
  /// By the body: back to who has called `enter`.
  void leave() noexcept;
  bool has_returned() const noexcept { return has_returned_; }

 private:
  /// errno and the exceptions in flight of the side that does not run.
  class ambient_state {
   public:
    void exchange() noexcept;

   private:
    unsigned char exceptions_[2 * sizeof(void*)] = {};
    int errno_ = 0;
  };

  /// Where the other side was left.
  class jump;

  [[noreturn]] void run() noexcept;

  std::function<void()> body_;
  ringmill::detail::fiber_stack stack_;
  std::unique_ptr<jump> jump_;
  ambient_state ambient_;
  ringmill::detail::annotated_stack mine_;
  ringmill::detail::annotated_stack carriers_;
  bool has_returned_ = false;
};

}  // namespace ringmill::sim::detail
