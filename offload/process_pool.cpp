#include <ringmill/offload/process_pool.hpp>

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include <ringmill/offload/detail/pool_core.hpp>
#include <ringmill/runtime/timeout.hpp>

namespace ringmill {

namespace {

/// Those that the calling thread may run on, which the zygote inherits: in a container, under taskset(1) or where the
/// thread was pinned, fewer than the machine has.
std::size_t usable_processors() noexcept {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  if (sched_getaffinity(0, sizeof usable, &usable) == 0) return static_cast<std::size_t>(CPU_COUNT(&usable));
  return std::max(1U, std::thread::hardware_concurrency());  // more than a cpu_set_t holds
}

}  // namespace

std::size_t pool_options::default_workers() noexcept { return usable_processors(); }

duration pool_options::default_spin() noexcept {
  return usable_processors() > 1 ? std::chrono::microseconds(20) : duration::zero();
}

process_pool::process_pool(const pool_options& options) : core_(new detail::pool_core(options)) {}
process_pool::~process_pool() = default;

std::vector<int> process_pool::worker_pids() const { return core_->worker_pids(); }
std::size_t process_pool::worker_count() const noexcept { return core_->worker_count(); }
std::size_t process_pool::batch_bytes() const noexcept {
  return std::min(std::size_t{64} << 10, core_->options().output_capacity() / 2);
}
pool_statistics process_pool::stats() const { return core_->stats(); }

event::wait_awaiter process_pool::drain() noexcept { return core_->idle().wait(); }
void process_pool::close() noexcept { core_->close(); }

task<> process_pool::shutdown(duration patience) {
  close();
  const bool all_ended = co_await move_on_after(patience, drain());
  if (!all_ended) core_->abandon_tasks();
}

}  // namespace ringmill
