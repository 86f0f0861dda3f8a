// Runs a task, so that headers, link line and exported symbols all take part, and what the library itself is linked to.
#include <chrono>
#include <iostream>

#include <ringmill/ringmill.hpp>
#include <ringmill/version.hpp>

namespace rm = ringmill;
using namespace std::chrono_literals;

static_assert(RINGMILL_VERSION == rm::version_number(0, 1, 0));

rm::task<int> answer() {
  co_await rm::with_timeout(10s, rm::sleep_for(1ms));
  co_return 42;
}

// The error type crosses the library's border: thrown inside of it, caught here.
rm::task<bool> is_late() {
  try {
    co_await rm::with_timeout(1ms, rm::sleep_for(10s));
  } catch (const rm::timeout_error&) {
    co_return true;
  }
  co_return false;
}

int main() {
  if (rm::run(answer()) != 42 || !rm::run(is_late())) return 1;
  std::cout << "ringmill " << rm::version << " (" << RINGMILL_VERSION << ") runs\n";
}
