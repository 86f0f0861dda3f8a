// What a pool has done and is doing: `pool.stats()`. Always counted; a snapshot costs a copy of about 3 KiB.
#pragma once

#include <sys/types.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill {

/// How a task can end: in exactly one of these ways.
enum class task_outcome : std::uint8_t {
  value,
  task_error,  ///< the function's own exception
  worker_crashed,
  deadline,
  cancelled,
  queue_full,
  protocol_violation,
  pool_unavailable,
  payload_too_large,
  version_mismatch,
};
inline constexpr std::size_t task_outcomes = 10;

/// How long something took, counted in classes a quarter of a power of two wide: from 1 ns to 150 years.
class RINGMILL_API latency_histogram {
 public:
  void record(duration length) noexcept {
    const auto ns = static_cast<std::uint64_t>(length.count() < 0 ? 0 : length.count());
    ++classes_[class_of(ns)];
    ++count_;
  }
  std::uint64_t count() const noexcept { return count_; }
  /// The time that a share of them, from 0 to 1, did not exceed; up to a quarter too much. Zero if there are none.
  duration quantile(double share) const noexcept;

 private:
  static constexpr std::size_t class_of(std::uint64_t ns) noexcept {
    if (ns < 4) return static_cast<std::size_t>(ns);
    const auto power = static_cast<std::size_t>(std::bit_width(ns) - 1);
    return (power - 1) * 4 + static_cast<std::size_t>(ns >> (power - 2)) % 4;
  }
  std::array<std::uint32_t, 256> classes_{};
  std::uint64_t count_ = 0;
};

/// A worker as it is now.
class worker_status {
 public:
  pid_t pid = 0;
  std::string state;          ///< "starting", "idle", "running", "leased" (to a stream), "dying"
  std::size_t in_flight = 0;  ///< tasks that it has, the one that it runs included
  std::uint64_t tasks = 0;    ///< that it has answered
};

class RINGMILL_API pool_statistics {
 public:
  // Now.
  std::size_t queued = 0;        ///< tasks that wait for a worker
  std::size_t queued_bytes = 0;  ///< of their arguments
  std::size_t running = 0;       ///< tasks that workers have
  std::size_t buffer_bytes = 0;  ///< of buffers that are lent, in whole blocks
  std::vector<worker_status> workers;

  // Since the beginning.
  std::uint64_t submitted = 0;
  std::array<std::uint64_t, task_outcomes> outcomes{};  ///< with queued and running, they add up to `submitted`
  std::map<int, std::uint64_t> crashes;  ///< workers that died of a signal, by its number; 0: that exited
  std::uint64_t started = 0;             ///< workers started, replacements included
  std::uint64_t recycled = 0;            ///< workers replaced because they had done enough
  std::uint64_t killed = 0;              ///< workers killed for a deadline, a cancel, or what they wrote
  std::uint64_t run_again = 0;           ///< tasks that were given to a second worker, because the first died
  std::uint64_t taken_back = 0;          ///< tasks that another worker took over, because the first was busy too long
  std::uint64_t bytes_in = 0;            ///< arguments, given to workers
  std::uint64_t bytes_out = 0;           ///< results
  latency_histogram queue_time;          ///< from the await to the start
  latency_histogram run_time;            ///< in the worker, by its own clock

  std::uint64_t operator[](task_outcome how) const noexcept { return outcomes[static_cast<std::size_t>(how)]; }
  /// A few lines for people.
  std::string text() const;
};

}  // namespace ringmill
