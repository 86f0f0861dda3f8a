#include <ringmill/io/sim/detail/other_threads.hpp>

#include <chrono>
#include <thread>

namespace ringmill::sim::detail {

// Looks again and again rather than waits on a condition: who wakes may be a signal handler, and takes no locks.
bool wait_for_another_thread(const std::atomic<unsigned>& wakes) noexcept {
  constexpr int looks = 1000;
  for (int count = 0; count < looks && wakes.load(std::memory_order_relaxed) == 0; ++count) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return wakes.load(std::memory_order_relaxed) > 0;
}

}  // namespace ringmill::sim::detail
