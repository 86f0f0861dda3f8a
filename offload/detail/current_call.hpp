// The call that this worker runs, for the functions of offload/in_worker.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/worker_buffers.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

/// What a function that runs in a worker can ask of it: of this process, or of a simulated one
/// (offload/sim_workers.hpp).
class call_host {
 public:
  explicit call_host(std::atomic<std::int64_t>& of_last_report) noexcept : last_report(of_last_report) {}
  virtual bool is_asked_to_stop() const noexcept = 0;
  virtual void report_progress(float done) noexcept = 0;
  virtual std::int64_t nanoseconds() const noexcept = 0;
  /// The memory of the pool's buffers; empty if it has none.
  virtual std::span<const std::byte> buffers() const noexcept = 0;
  std::atomic<std::int64_t>& last_report;  ///< of its progress, in ms: the process's

 protected:
  ~call_host() = default;
};

/// While it lives, the process runs that call.
class current_call final : private call_host {
 public:
  current_call(worker_channel& channel, const request_entry& request) noexcept;
  ~current_call();
  current_call(const current_call&) = delete;
  current_call& operator=(const current_call&) = delete;

 private:
  bool is_asked_to_stop() const noexcept override { return channel_.is_asked_to_stop(request_); }
  void report_progress(float done) noexcept override { channel_.report_progress(request_, done); }
  std::int64_t nanoseconds() const noexcept override;
  std::span<const std::byte> buffers() const noexcept override { return mapped_buffers(); }

  worker_channel& channel_;
  const request_entry& request_;
};

}  // namespace ringmill::detail
