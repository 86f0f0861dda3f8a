// What was measured, and what went wrong meanwhile.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <ringmill/ringmill.hpp>

#include "http_load/histogram.hpp"
#include "http_load/process_cpu.hpp"

namespace http_load {

/// How a request, or a connection, can fail.
enum class failure : std::uint8_t {
  connect,    ///< no connection, or none in time
  closed,     ///< the server ended or reset a connection while it owed an answer
  malformed,  ///< what came is no answer
  timeout,    ///< no answer in time
};

/// Counts between `start` and `stop`, and nothing before and after that.
class measurement {
 public:
  explicit measurement(std::optional<pid_t> server) : server_(server) {}

  /// Throws std::runtime_error if the server's process is not there.
  void start();
  /// The second call and further ones do nothing.
  void stop();
  bool is_running() const noexcept { return running_; }
  bool has_started() const noexcept { return started_at_ != ringmill::time_point(); }

  void answered(ringmill::duration took) noexcept {
    if (!running_) return;
    ++requests;
    waited(took);
  }
  void received(std::size_t count) noexcept {
    if (running_) bytes += count;
  }
  void refused(int status) {
    if (running_) ++statuses[status];
  }
  void failed(failure how, const std::string& what);
  /// How long a request has waited that is not answered at the end: at least that long.
  void still_waiting(ringmill::duration so_far) noexcept {
    ++unanswered;
    waited(so_far);
  }

  std::uint64_t errors() const noexcept;
  double seconds() const noexcept { return std::chrono::duration<double>(stopped_at_ - started_at_).count(); }
  ringmill::time_point started_at() const noexcept { return started_at_; }
  ringmill::time_point stopped_at() const noexcept { return stopped_at_; }
  /// Of a core, all of the time: 1. Nothing if it was not asked for, or the server has ended.
  std::optional<double> server_cpu_seconds() const noexcept { return server_cpu_; }
  double own_cpu_seconds() const noexcept { return own_cpu_; }

  std::uint64_t requests = 0;  ///< answered, and not with a status that is an error
  std::uint64_t bytes = 0;     ///< received, heads and all
  std::uint64_t unanswered = 0;
  histogram latency;  ///< nanoseconds, of those
  std::map<int, std::uint64_t> statuses;
  std::map<failure, std::uint64_t> failures;
  std::string first_failure;  ///< in words

 private:
  void waited(ringmill::duration length) noexcept {
    latency.record(static_cast<std::uint64_t>(std::max<std::int64_t>(length.count(), 0)));
  }

  std::optional<pid_t> server_;
  bool running_ = false;
  ringmill::time_point started_at_;
  ringmill::time_point stopped_at_;
  std::optional<process_cpu> server_before_;
  std::optional<double> server_cpu_;
  double own_before_ = 0;
  double own_cpu_ = 0;
};

}  // namespace http_load
