// expect: await a temporary or std::move(it): it can be awaited only once
#include <ringmill/runtime/fiber.hpp>

ringmill::task<int> answer();

int twice() {
  auto one = answer();
  return ringmill::fiber_await(one);
}
