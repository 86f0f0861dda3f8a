#include <ringmill/offload/in_worker.hpp>

#include <atomic>
#include <ctime>

#include <ringmill/offload/detail/current_call.hpp>
#include <ringmill/offload/sim_workers.hpp>
#include <ringmill/offload/worker_buffers.hpp>

namespace ringmill {

namespace detail {

namespace {

// Of the process: a function's own threads may ask too.
std::atomic<call_host*> current_host = nullptr;
std::atomic<std::int64_t> last_report = 0;

std::int64_t monotonic_nanoseconds() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

call_host* host_of_call() noexcept {
  if (call_host* const here = current_host.load(std::memory_order_acquire)) return here;
  return simulated_host_of_call();
}

}  // namespace

current_call::current_call(worker_channel& channel, const request_entry& request) noexcept
    : call_host(detail::last_report), channel_(channel), request_(request) {
  current_host.store(this, std::memory_order_release);
}
current_call::~current_call() { current_host.store(nullptr, std::memory_order_relaxed); }

std::int64_t current_call::nanoseconds() const noexcept { return monotonic_nanoseconds(); }

std::int64_t worker_nanoseconds() noexcept {
  const call_host* const host = host_of_call();
  return host ? host->nanoseconds() : monotonic_nanoseconds();
}

std::span<const std::byte> buffers_of_worker() noexcept {
  const call_host* const host = host_of_call();
  return host ? host->buffers() : std::span<const std::byte>();
}

}  // namespace detail

namespace offload {

bool cancelled() noexcept {
  const detail::call_host* const host = detail::host_of_call();
  return host && host->is_asked_to_stop();
}

void stop_if_cancelled() {
  if (cancelled()) throw detail::call_stopped();
}

void report_progress(double done) noexcept {
  constexpr std::int64_t pause = 10;
  detail::call_host* const host = detail::host_of_call();
  if (!host) return;
  const std::int64_t now = host->nanoseconds() / 1'000'000;
  if (done < 1 && now - host->last_report.load(std::memory_order_relaxed) < pause) return;
  host->last_report.store(now, std::memory_order_relaxed);
  host->report_progress(static_cast<float>(done < 0 ? 0 : done < 1 ? done : 1));
}

}  // namespace offload
}  // namespace ringmill
