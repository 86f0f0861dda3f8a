// A stack of its own for the program of a simulated process, onto which and back from which the thread jumps.
//
// By ucontext(3), which needs no library: runtime/fiber.hpp is faster, but is there only where Boost.Context is, and
// belongs to a coroutine that carries it.
#pragma once

#include <ucontext.h>

#include <functional>

#include <ringmill/runtime/detail/sanitizers.hpp>
#include <ringmill/runtime/fiber_stack.hpp>

namespace ringmill::sim::detail {

class process_stack {
 public:
  /// `body` must not throw. Throws std::system_error.
  explicit process_stack(std::function<void()> body);
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

  static void start(unsigned high, unsigned low) noexcept;

  std::function<void()> body_;
  ringmill::detail::fiber_stack stack_;
  ucontext_t inside_{};
  ucontext_t outside_{};
  ambient_state ambient_;
  ringmill::detail::annotated_stack mine_;
  ringmill::detail::annotated_stack carriers_;
  bool has_returned_ = false;
};

}  // namespace ringmill::sim::detail
