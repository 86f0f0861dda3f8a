#include <ringmill/io/host_loop.hpp>

#include <algorithm>
#include <limits>
#include <string>

#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/thread_state.hpp>

namespace ringmill {

host_loop::host_loop(const ring_options& options) : host_loop(make_real_kernel(options)) {}

host_loop::host_loop(std::unique_ptr<kernel> behind)
    : ring_(std::move(behind)), ring_scope_(ring_), loop_(ring_), attachment_(loop_), poll_fd_(ring_.poll_fd()) {}

host_loop::~host_loop() {
  check_thread();
  try {
    loop_.shutdown();
  } catch (...) {
    log(log_level::error, {"an error of a task, when its host_loop was destroyed"}, std::current_exception());
  }
}

std::optional<time_point> host_loop::next_deadline() noexcept {
  check_thread();
  // What the program has cancelled since the last turn has still to be told to the kernel.
  if (ring_.has_unsubmitted()) return loop_.now();
  const time_point first = std::min(loop_.next_deadline().value_or(time_point::max()), ring_.next_deadline());
  if (first == time_point::max()) return std::nullopt;
  return first;
}

int host_loop::poll_timeout() noexcept {
  const std::optional<time_point> deadline = next_deadline();
  if (!deadline) return -1;
  const time_point now = loop_.now();
  if (*deadline <= now) return 0;
  constexpr std::chrono::milliseconds longest(std::numeric_limits<int>::max());
  return static_cast<int>(std::min(std::chrono::ceil<std::chrono::milliseconds>(*deadline - now), longest).count());
}

void host_loop::run_once() {
  check_thread();
  loop_.run_once(time_point::min());
}

void host_loop::check_thread() const noexcept {
  RINGMILL_CHECK(detail::this_thread.attached_loop == &loop_,
                 "a host_loop was used on another thread than the one that made it: only post() and wake() may be "
                 "called from there");
}

}  // namespace ringmill
