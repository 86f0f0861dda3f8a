// The processor time of a server, seen from outside.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>

namespace http_load {

/// The processor time of a process, all of its threads, and all of its descendants, at one moment: user and system, to
/// the nanosecond. What has ended by then is not in it.
class process_cpu {
 public:
  /// Nothing if there is no such process.
  static std::optional<process_cpu> of(pid_t root);

  /// Seconds spent since `before`, by those that are there now.
  double seconds_since(const process_cpu& before) const noexcept;

 private:
  std::map<pid_t, std::uint64_t> nanoseconds_;
};

/// The same of this process, in seconds.
double own_cpu_seconds() noexcept;

}  // namespace http_load
