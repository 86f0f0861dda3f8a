#include "http_load/measurement.hpp"

#include <stdexcept>

namespace http_load {

void measurement::start() {
  if (server_) {
    server_before_ = process_cpu::of(*server_);
    if (!server_before_) throw std::runtime_error("--server-pid: there is no process " + std::to_string(*server_));
  }
  own_before_ = http_load::own_cpu_seconds();
  started_at_ = std::chrono::steady_clock::now();
  running_ = true;
}

void measurement::stop() {
  if (!running_) return;
  running_ = false;
  stopped_at_ = std::chrono::steady_clock::now();
  own_cpu_ = http_load::own_cpu_seconds() - own_before_;
  if (!server_) return;
  if (const auto now = process_cpu::of(*server_)) server_cpu_ = now->seconds_since(*server_before_);
}

void measurement::failed(failure how, const std::string& what) {
  if (!running_) return;
  ++failures[how];
  if (first_failure.empty()) first_failure = what;
}

std::uint64_t measurement::errors() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [status, count] : statuses) sum += count;
  for (const auto& [how, count] : failures) sum += count;
  return sum;
}

}  // namespace http_load
