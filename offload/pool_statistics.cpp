#include <ringmill/offload/pool_statistics.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace ringmill {

namespace {

constexpr const char* outcome_names[task_outcomes] = {
    "values",     "task errors",         "workers crashed",  "deadlines",          "cancelled",
    "queue full", "protocol violations", "pool unavailable", "payloads too large", "version mismatches"};

std::string in_words(duration length) {
  const double us = static_cast<double>(length.count()) / 1000;
  return us < 1000 ? fmt::format("{:.0f} us", us) : fmt::format("{:.1f} ms", us / 1000);
}

}  // namespace

duration latency_histogram::quantile(double share) const noexcept {
  if (count_ == 0) return duration::zero();
  const double wanted = std::clamp(share, 0.0, 1.0) * static_cast<double>(count_);
  double seen = 0;
  for (std::size_t index = 0; index < classes_.size(); ++index) {
    seen += classes_[index];
    if (classes_[index] == 0 || seen < wanted) continue;
    if (index < 4) return duration(index);
    const std::size_t power = index / 4 + 1;
    return duration(static_cast<std::int64_t>((4 + index % 4 + 1) << (power - 2)) - 1);
  }
  return duration::max();
}

std::string pool_statistics::text() const {
  std::string out = fmt::format("{} workers, {} tasks run, {} wait", workers.size(), running, queued);
  if (queued_bytes != 0) out += fmt::format(" with {} bytes", queued_bytes);
  if (buffer_bytes != 0) out += fmt::format(", {} bytes of buffers are lent", buffer_bytes);
  out += fmt::format("; {} submitted:", submitted);
  for (std::size_t how = 0; how < task_outcomes; ++how) {
    if (outcomes[how] != 0) fmt::format_to(std::back_inserter(out), " {} {},", outcomes[how], outcome_names[how]);
  }
  out.back() = '\n';
  if (queue_time.count() != 0) {
    out += fmt::format("waited {} (median), {} (99 %); ran {}, {}\n", in_words(queue_time.quantile(0.5)),
                       in_words(queue_time.quantile(0.99)), in_words(run_time.quantile(0.5)),
                       in_words(run_time.quantile(0.99)));
  }
  for (const worker_status& one : workers) {
    out += fmt::format("worker {}: {}, {} tasks at it, {} done\n", one.pid, one.state, one.in_flight, one.tasks);
  }
  return out;
}

}  // namespace ringmill
