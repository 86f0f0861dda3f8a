// expect: await a temporary or std::move(it): it can be awaited only once
#include <ringmill/runtime/task.hpp>

ringmill::task<int> answer();

ringmill::task<> twice() {
  auto one = answer();
  co_await one;
}
