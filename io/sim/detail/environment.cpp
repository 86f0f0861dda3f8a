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
  events_.clear();
  const auto dropped = std::exchange(actions_, {});  // while the rest is still there
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
  kernels_.push_back(&kernel);
  return static_cast<std::uint32_t>(kernels_.size() - 1);
}

void environment::push(time_point when, std::uint32_t kernel, std::uint64_t what) {
  events_.push_back(event{std::max(when, now_), next_order_++, what, kernel});
  std::push_heap(events_.begin(), events_.end(), is_later());
}

std::size_t environment::keep(std::function<void()> action) {
  if (free_places_.empty()) {
    actions_.push_back(std::move(action));
    return actions_.size() - 1;
  }
  const std::size_t place = free_places_.back();
  free_places_.pop_back();
  actions_[place] = std::move(action);
  return place;
}

std::function<void()> environment::take(std::size_t place) {
  free_places_.push_back(place);
  return std::exchange(actions_[place], nullptr);
}

/// An event that looks at the clock does not make others happen inside of it.
void environment::run_due() {
  if (is_running_) return;
  is_running_ = true;
  while (!events_.empty() && events_.front().when <= now_) {
    std::pop_heap(events_.begin(), events_.end(), is_later());
    const event next = events_.back();
    events_.pop_back();
    ++events_happened_;
    if (next.kernel == 0) {
      take(next.what)();
    } else if (sim_kernel* const kernel = kernel_of(next.kernel)) {
      kernel->try_operation(next.what);
    }
  }
  is_running_ = false;
}

}  // namespace ringmill::sim::detail
