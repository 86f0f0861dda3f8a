#include <ringmill/io/sim/detail/environment.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

environment::environment(std::uint64_t of, const options& how)
    : seed(of),
      settings(how),
      random(seed),
      random_of_programs(mix(seed ^ 0x6b65726e656cU)),
      faults(mix(seed), settings),
      lines(how.keeps_whole_trace()),
      net(*this) {
  if (how.faults_until() == duration::max()) return;
  after(how.faults_until(), [this] {
    faults.stop();
    net.heal_all();
  });
}

environment::~environment() {
  const std::vector<event> dropped = std::exchange(events_, {});  // while the rest is still there
}

std::optional<time_point> environment::next_event() const noexcept {
  if (events_.empty()) return std::nullopt;
  return events_.front().when;
}

void environment::pass(duration length) {
  now_ += length;
  run_due();
}

void environment::advance_to(time_point when) {
  if (when > now_) now_ = when;
  run_due();
}

duration environment::draw_jump() {
  constexpr std::array<std::int64_t, 3> most_seconds = {10, 600, 3600};
  const std::int64_t most = most_seconds[random.below(most_seconds.size())];
  const duration length = std::chrono::milliseconds(random.between(1000, most * 1000));
  jumped_ += length;
  return length;
}

bool environment::happens(fault kind, std::uint32_t host) {
  if (!faults.happens(kind)) return false;
  record(host, trace::kind::fault, 0, static_cast<std::int64_t>(kind), faults.taken().back().index);
  return true;
}

std::uint32_t environment::enlist(sim_kernel& kernel) {
  kernels_[next_kernel_] = &kernel;
  return next_kernel_++;
}

sim_kernel* environment::kernel_of(std::uint32_t number) const noexcept {
  const auto found = kernels_.find(number);
  return found == kernels_.end() ? nullptr : found->second;
}

void environment::push(time_point when, std::uint32_t kernel, std::uint64_t operation, std::function<void()> action) {
  events_.push_back(event{std::max(when, now_), next_order_++, kernel, operation, std::move(action)});
  std::push_heap(events_.begin(), events_.end(), &is_later);
}

/// An event that looks at the clock does not make others happen inside of it.
void environment::run_due() {
  if (is_running_) return;
  is_running_ = true;
  while (!events_.empty() && events_.front().when <= now_) {
    std::pop_heap(events_.begin(), events_.end(), &is_later);
    const event next = std::move(events_.back());
    events_.pop_back();
    ++events_happened_;
    if (next.action) {
      next.action();
    } else if (sim_kernel* const kernel = kernel_of(next.kernel)) {
      kernel->try_operation(next.operation);
    }
  }
  is_running_ = false;
}

}  // namespace ringmill::sim::detail
