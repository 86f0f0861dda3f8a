#include <ringmill/offload/in_worker.hpp>

#include <atomic>
#include <ctime>

#include <ringmill/offload/detail/current_call.hpp>

namespace ringmill {

namespace {

// Of the process: a function's own threads may ask too.
std::atomic<detail::worker_channel*> current_channel = nullptr;
const detail::request_entry* current_request = nullptr;
std::atomic<std::int64_t> last_report = 0;

std::int64_t milliseconds() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

namespace detail {

current_call::current_call(worker_channel& channel, const request_entry& request) noexcept {
  current_request = &request;
  current_channel.store(&channel, std::memory_order_release);
}
current_call::~current_call() { current_channel.store(nullptr, std::memory_order_relaxed); }

}  // namespace detail

namespace offload {

bool cancelled() noexcept {
  const detail::worker_channel* channel = current_channel.load(std::memory_order_acquire);
  return channel && channel->is_asked_to_stop(*current_request);
}

void stop_if_cancelled() {
  if (cancelled()) throw detail::call_stopped();
}

void report_progress(double done) noexcept {
  constexpr std::int64_t pause = 10;
  detail::worker_channel* channel = current_channel.load(std::memory_order_acquire);
  if (!channel) return;
  const std::int64_t now = milliseconds();
  if (done < 1 && now - last_report.load(std::memory_order_relaxed) < pause) return;
  last_report.store(now, std::memory_order_relaxed);
  channel->report_progress(*current_request, static_cast<float>(done < 0 ? 0 : done < 1 ? done : 1));
}

}  // namespace offload
}  // namespace ringmill
