// One place for a worker in a pool: the process that fills it, its channel, and the tasks that it has.
#pragma once

#include <array>
#include <cstdint>

#include <ringmill/io/fd.hpp>
#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/detail/shared_buffers.hpp>
#include <ringmill/offload/detail/stderr_pipe.hpp>
#include <ringmill/offload/pool_task.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>

namespace ringmill::detail {

class worker_lease;

/// Outlives the processes that fill it one after the other; `generation` tells them apart.
class worker_slot {
 public:
  enum class state : std::uint8_t {
    empty,     ///< no process
    starting,  ///< asked for, and not ready yet
    idle,
    running,  ///< it has tasks
    leased,   ///< it has none, and belongs to a stream
    dying,    ///< killed, or known to be dead; nothing that it writes counts any more
  };

  worker_slot(pool_core& pool, std::uint32_t index);
  ~worker_slot();
  worker_slot(const worker_slot&) = delete;
  worker_slot& operator=(const worker_slot&) = delete;

  /// Watches for what the worker writes: by the futex, or by the doorbell if there is one. A watch that has told of
  /// something rests (`is_awake`) until `listen`: then the worker need not wake anybody.
  void watch();
  /// False: there is something already.
  bool listen();
  /// Blocks until the watch has ended (a cancel's round trip to the kernel).
  void unwatch() noexcept;
  /// It has so long to start, to skip a call, or to be reported dead; then the pool is told (`lost_patience`).
  void expect_soon(duration patience) noexcept;
  void is_here() noexcept;
  /// SIGKILL, by pidfd: never another process that got the same number. Before the pidfd is known it is only noted.
  void kill() noexcept;
  void signal(int number) const noexcept;
  /// The process is gone: ready for the next one.
  void clear() noexcept;

  // Its tasks: what the channel has in flight, in order. Null where a task was called back, or has ended already.
  pool_task*& task_at(std::uint32_t sequence) noexcept { return tasks_[sequence % ring_entries]; }
  std::uint32_t first = 1;  ///< the number of the oldest
  std::uint32_t end() const noexcept { return channel->next_number(); }
  std::uint32_t in_flight() const noexcept { return end() - first; }
  /// The one that it runs, or null.
  pool_task* head() noexcept { return in_flight() ? task_at(first) : nullptr; }

  const std::uint32_t index;
  std::uint32_t generation = 0;
  state now = state::empty;
  int pid = 0;
  bool start_was_cut = false;  ///< it was killed because it did not start
  bool is_ready = false;       ///< it has said so; it gets tasks once its pid is known too
  fd pidfd;
  std::unique_ptr<host_channel> channel;
  std::unique_ptr<stderr_pipe> errors;
  fd doorbell;  ///< an eventfd, where the kernel has no futex operation

  buffer_uses reading;        ///< by calls that it has not answered
  bool is_awake = false;      ///< the watch rests: the pool looks by itself
  bool has_staged = false;    ///< calls that are written and not published
  bool is_looked_at = false;  ///< a result of its is read where it lies

  time_point head_since;                ///< when the task that it runs was begun
  duration backlog = duration::zero();  ///< what the tasks behind that are expected to take
  pool_task* condemned = nullptr;       ///< cancelled while it ran: it ends with the process
  worker_lease* lease = nullptr;        ///< the stream's that it belongs to

  std::uint64_t answered = 0;
  time_point born;
  time_point memory_seen;  ///< when it was last looked at
  double jitter = 1;       ///< by which its limits differ from the others'

 private:
  class alarm final : public timer {
   public:
    explicit alarm(worker_slot& slot) noexcept;
    worker_slot& slot;
  };
  void woke_up() noexcept;

  class futex_watch;
  class doorbell_watch;
  pool_core& pool_;
  alarm alarm_{*this};
  std::array<pool_task*, ring_entries> tasks_{};
  std::unique_ptr<futex_watch> futex_;
  std::unique_ptr<doorbell_watch> bell_;
};

}  // namespace ringmill::detail
