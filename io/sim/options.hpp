// What a simulated world is like, and what may go wrong in it.
//
//   rm::sim::options how;
//   how.fault(rm::sim::fault::reset, 5).latency(1ms, 20ms);  // five of a thousand sends reset their connection
//   rm::sim::options::swarm(seed)                            // each class of faults on or off, as the seed says
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/io/kernel.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::sim {

/// What may go wrong. All of it can happen on a real machine too, to a program that does nothing wrong.
enum class fault : std::uint8_t {
  short_read,         ///< fewer bytes than there are
  short_write,        ///< fewer bytes than there is room for
  late_completion,    ///< an operation takes up to 100 ms longer
  reset,              ///< a connection is reset by the network: ECONNRESET on both sides
  early_end,          ///< the peer's side is closed in mid-message: an end, then a reset
  refused,            ///< a connect is refused
  connect_timeout,    ///< nobody answers a connect: ETIMEDOUT after two minutes
  unreachable,        ///< a connect finds no route: EHOSTUNREACH
  accept_error,       ///< an accept gets ECONNABORTED, EMFILE, ENFILE or ENOBUFS
  no_descriptor,      ///< socket(2), or open(2), gets EMFILE
  no_buffer,          ///< no provided buffer although there is one: ENOBUFS
  multishot_end,      ///< a multishot operation ends by itself, with a good result
  interrupted_enter,  ///< EINTR instead of a wait
  busy_enter,         ///< EAGAIN, with nothing submitted: no memory
  partial_submit,     ///< fewer entries are taken than were given
  missed_cancel,      ///< ENOENT for an operation that the kernel is about to try again, and which goes on
  late_cancel,        ///< a cancel takes its time, so that its target may complete first
  lost_datagram,      ///< on its way between hosts
  doubled_datagram,   ///< arrives twice
  late_datagram,      ///< arrives after those that were sent later
  slow_loopback,      ///< bytes inside of a host take up to a millisecond
  stalled_host,       ///< a host does not run for up to 200 ms
  disk_error,         ///< EIO: by a read, a write, a sync or a change of names
  disk_full,          ///< ENOSPC: by a write or a change of names
  short_disk_read,    ///< of a file: fewer bytes than there are
  short_disk_write,   ///< to a file: fewer bytes than there is room for
  no_process,         ///< a process cannot be started: EAGAIN
  process_crash,      ///< a child process, a zygote or a worker dies by a signal
  process_hang,       ///< it stands still until it is killed
  process_stall,      ///< it stands still for up to 200 ms
  ignored_signal,     ///< a SIGTERM does nothing
  worker_lie,         ///< a worker of a pool writes an answer that no worker writes
  wall_clock_jump,    ///< somebody sets a host's time of day, up to a day forwards or back
  watch_overflow,     ///< events of watched files are lost: their queue was full, and says so
  clock_jump,  ///< a host does not run for seconds, or an hour, as after a suspend: deadlines are long over. In no
               ///< swarm
  no_memory,   ///< for a coroutine's frame: std::bad_alloc at the call. In no swarm
};
inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(fault::no_memory) + 1;

RINGMILL_API std::string_view name_of(fault kind) noexcept;

/// A fault that was decided on: its kind, and how many of this kind were considered before.
class fault_number {
 public:
  fault_number(fault what, std::uint32_t occasion) noexcept : kind(what), index(occasion) {}
  fault kind;
  std::uint32_t index;
  bool operator==(const fault_number&) const = default;
};

/// By default nothing goes wrong, and only the order in which things happen is up to the seed.
class RINGMILL_API options {
 public:
  options() noexcept {}
  /// Each class of faults on or off, rates, latencies and sizes of buffers: as the seed says.
  static options swarm(std::uint64_t seed);

  /// How often in a thousand occasions it happens.
  options& fault(sim::fault kind, unsigned per_mille) noexcept { return rates_[index(kind)] = per_mille, *this; }
  options& no_faults() noexcept { return rates_ = {}, *this; }

  /// One way between hosts; each packet draws its own. Inside of a host nothing takes time.
  options& latency(duration least, duration most) noexcept {
    return least_latency_ = least, most_latency_ = most, *this;
  }
  /// Of each connection between hosts, in bytes a second; 0: no limit.
  options& bandwidth(std::uint64_t bytes_per_second) noexcept { return bandwidth_ = bytes_per_second, *this; }
  /// How many bytes a connection holds that were sent and not read. 65536 by default.
  options& stream_capacity(std::size_t bytes) noexcept { return stream_capacity_ = bytes, *this; }
  /// How long the kernel may take to get to an operation that can go on. 20 microseconds by default.
  options& completion_delay(duration most) noexcept { return completion_delay_ = most, *this; }

  /// How long a disk may take to sync. 5 milliseconds by default.
  options& sync_delay(duration most) noexcept { return sync_delay_ = most, *this; }
  /// Of each host's disk, in bytes: what does not fit gets ENOSPC. 0, as by default: no limit.
  options& disk_capacity(std::uint64_t bytes) noexcept { return disk_capacity_ = bytes, *this; }

  /// Liveness: faults stop after this long, and partitions heal; by default they go on for ever.
  options& faults_until(duration length) noexcept { return faults_until_ = length, *this; }
  /// A run that takes longer, in virtual time and without the jumps of clocks, has failed. An hour by default.
  options& time_limit(duration length) noexcept { return time_limit_ = length, *this; }
  /// A run that takes more turns of its hosts has failed: something spins. Ten million by default.
  options& turn_limit(std::uint64_t turns) noexcept { return turn_limit_ = turns, *this; }

  /// Keeps all lines of the trace and not only the last few hundred.
  options& whole_trace(bool on = true) noexcept { return whole_trace_ = on, *this; }
  /// Of all faults that the seed would decide on, only these happen.
  options& only_faults(std::vector<fault_number> these) { return only_ = std::move(these), is_limited_ = true, *this; }
  /// Of each host's ring.
  options& ring(const ring_options& sizes) noexcept { return ring_ = sizes, *this; }

  unsigned rate(sim::fault kind) const noexcept { return rates_[index(kind)]; }
  duration least_latency() const noexcept { return least_latency_; }
  duration most_latency() const noexcept { return most_latency_; }
  std::uint64_t bandwidth() const noexcept { return bandwidth_; }
  std::size_t stream_capacity() const noexcept { return stream_capacity_; }
  duration completion_delay() const noexcept { return completion_delay_; }
  duration sync_delay() const noexcept { return sync_delay_; }
  std::uint64_t disk_capacity() const noexcept { return disk_capacity_; }
  duration faults_until() const noexcept { return faults_until_; }
  duration time_limit() const noexcept { return time_limit_; }
  std::uint64_t turn_limit() const noexcept { return turn_limit_; }
  bool keeps_whole_trace() const noexcept { return whole_trace_; }
  bool is_limited() const noexcept { return is_limited_; }
  const std::vector<fault_number>& only() const noexcept { return only_; }
  const ring_options& ring() const noexcept { return ring_; }

  /// For people: what differs from the defaults.
  std::string to_string() const;

 private:
  static constexpr std::size_t index(sim::fault kind) noexcept { return static_cast<std::size_t>(kind); }

  std::array<unsigned, fault_kinds> rates_{};
  duration least_latency_ = std::chrono::microseconds(100);
  duration most_latency_ = std::chrono::microseconds(500);
  std::uint64_t bandwidth_ = 0;
  std::size_t stream_capacity_ = 65536;
  duration completion_delay_ = std::chrono::microseconds(20);
  duration sync_delay_ = std::chrono::milliseconds(5);
  std::uint64_t disk_capacity_ = 0;
  duration faults_until_ = duration::max();
  duration time_limit_ = std::chrono::hours(1);
  std::uint64_t turn_limit_ = 10'000'000;
  bool whole_trace_ = false;
  bool is_limited_ = false;
  std::vector<fault_number> only_;
  ring_options ring_ = ring_options().entries(64).completion_entries(256);
};

}  // namespace ringmill::sim
