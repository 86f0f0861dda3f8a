// What the tests of the pool share: the kernels that they run on, processes that are there or not, and outcomes that
// add up.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/forwarding_kernel.hpp"
#include "../support/kernels.hpp"

namespace support {

/// One that is older than Linux 6.7, as a pool sees it: its workers ring an eventfd.
class kernel_without_futex final : public forwarding_kernel {
 public:
  using forwarding_kernel::forwarding_kernel;
  bool supports(unsigned opcode) const noexcept override {
    return opcode != ringmill::futex_wait_op::opcode && forwarding_kernel::supports(opcode);
  }
};

/// Runs `body()`, which gives a task<>, on each kernel, once with the futex operation (if it is there) and once
/// without.
template <class Body>
void on_each_pool_kernel(Body body) {
  on_each_kernel(body);
  for (const kernel_factory& factory : all_kernels()) {
    CAPTURE(factory.name() + " without the futex operation");
    ringmill::run_on(std::make_unique<kernel_without_futex>(factory.make()), body());
  }
}

/// Is there such a process, and not as a zombie?
inline bool is_alive(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(status, text)) return false;
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.compare(name_end, 4, ") Z ") != 0;
}

inline bool gone_within(std::chrono::milliseconds limit, const std::vector<int>& pids) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    bool any = false;
    for (const int pid : pids) any = any || is_alive(pid);
    if (!any) return true;
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

/// Of a worker: its zygote.
inline int parent_of(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(status, text);
  const std::size_t name_end = text.rfind(')');
  return name_end == std::string::npos ? 0 : std::atoi(text.c_str() + name_end + 4);
}

/// Comes back when all workers have been reported.
inline ringmill::task<std::vector<int>> all_workers(ringmill::process_pool& pool, std::size_t count) {
  while (pool.worker_pids().size() < count) co_await ringmill::sleep_for(std::chrono::milliseconds(1));
  co_return pool.worker_pids();
}

/// Every task that was submitted has ended in one way, or is still there.
inline bool adds_up(const ringmill::pool_statistics& stats) {
  const std::uint64_t ended = std::accumulate(stats.outcomes.begin(), stats.outcomes.end(), std::uint64_t{0});
  return ended + stats.queued + stats.running == stats.submitted;
}

}  // namespace support
