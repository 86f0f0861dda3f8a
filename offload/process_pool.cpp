#include <ringmill/offload/process_pool.hpp>

#include <thread>

#include <ringmill/offload/detail/pool_core.hpp>

namespace ringmill {

std::size_t pool_options::default_workers() noexcept {
  const unsigned processors = std::thread::hardware_concurrency();
  return processors ? processors : 1;
}

process_pool::process_pool(const pool_options& options) : core_(new detail::pool_core(options)) {}
process_pool::~process_pool() = default;

std::vector<int> process_pool::worker_pids() const { return core_->worker_pids(); }
const pool_statistics& process_pool::statistics() const noexcept { return core_->statistics(); }

}  // namespace ringmill
