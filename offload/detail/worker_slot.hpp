// One place for a worker in a pool: the process that fills it, its channel, and the task that it runs.
#pragma once

#include <cstdint>

#include <ringmill/io/fd.hpp>
#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/pool_task.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>

namespace ringmill::detail {

/// Outlives the processes that fill it one after the other; `generation` tells them apart.
class worker_slot {
 public:
  enum class state : std::uint8_t {
    empty,     ///< no process
    starting,  ///< asked for, and not ready yet
    idle,
    running,
    dying,  ///< killed, or known to be dead; nothing that it writes counts any more
  };

  worker_slot(pool_core& pool, std::uint32_t index);
  ~worker_slot();
  worker_slot(const worker_slot&) = delete;
  worker_slot& operator=(const worker_slot&) = delete;

  /// Watches for what the worker writes: by the futex, or by the doorbell if there is one.
  void watch();
  /// Blocks until the watch has ended (a cancel's round trip to the kernel).
  void unwatch() noexcept;
  /// SIGKILL, by pidfd: never another process that got the same number. Before the pidfd is known it is only noted.
  void kill() noexcept;
  /// The process is gone: ready for the next one.
  void clear() noexcept;

  const std::uint32_t index;
  std::uint32_t generation = 0;
  state now = state::empty;
  int pid = 0;
  bool is_ready = false;  ///< it has said so; it gets tasks once its pid is known too
  fd pidfd;
  std::unique_ptr<host_channel> channel;
  fd doorbell;  ///< an eventfd, where the kernel has no futex operation
  pool_task* task = nullptr;

 private:
  class futex_watch;
  class doorbell_watch;
  pool_core& pool_;
  std::unique_ptr<futex_watch> futex_;
  std::unique_ptr<doorbell_watch> bell_;
};

}  // namespace ringmill::detail
