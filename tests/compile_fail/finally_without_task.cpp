// expect: the clean-up of async_finally gives a task<>
#include <ringmill/runtime/finally.hpp>

ringmill::task<> work();

ringmill::task<> wait() {
  auto clean = [] {};
  co_await ringmill::async_finally(work, clean);
}
