#include <ringmill/offload/process_pool.hpp>

#include <algorithm>
#include <thread>

#include <ringmill/offload/detail/pool_core.hpp>
#include <ringmill/runtime/timeout.hpp>

namespace ringmill {

std::size_t pool_options::default_workers() noexcept {
  const unsigned processors = std::thread::hardware_concurrency();
  return processors ? processors : 1;
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
