// expect: GCC 12 destroys awaited aggregates twice: give the awaiter a constructor
#include <ringmill/runtime/task.hpp>

struct ready {
  int value;
  bool await_ready() { return true; }
  bool await_suspend(ringmill::waiter&) { return false; }
  int await_resume() { return value; }
  ringmill::cancel_result await_cancel(ringmill::cancel_reason) noexcept { return ringmill::cancel_result::done(); }
  bool await_must_resume() const noexcept { return true; }
};

ringmill::task<int> wait() { co_return co_await ready{3}; }
