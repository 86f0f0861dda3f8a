// The machinery of a process_pool: its zygote, its workers, its queue, and who is to blame when one dies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <vector>

#include <ringmill/io/ring.hpp>
#include <ringmill/offload/detail/worker_slot.hpp>
#include <ringmill/offload/pool_task.hpp>
#include <ringmill/offload/process_pool.hpp>
#include <ringmill/offload/zygote_link.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>

namespace ringmill::detail {

class pool_core {
 public:
  explicit pool_core(const pool_options& options);
  ~pool_core();
  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  /// Takes a task into the queue, and on to an idle worker. Throws payload_too_large, pool_unavailable.
  void submit(pool_task& task);
  cancel_result cancel(pool_task& task) noexcept;
  /// The worker that runs it, or 0.
  int worker_of(const pool_task& task) const noexcept;
  /// That worker has written something. Called from a completion: it wakes tasks and resumes none.
  void worker_spoke(worker_slot& slot) noexcept;
  /// The zygote has something to tell.
  void zygote_spoke() noexcept;

  std::vector<int> worker_pids() const;
  const pool_statistics& statistics() const noexcept { return statistics_; }

 private:
  class control_watch;

  void start_zygote();
  void zygote_died() noexcept;
  void heard(received_message& received) noexcept;
  void start_worker(worker_slot& slot);
  void worker_ended(worker_slot& slot, int wait_status) noexcept;
  void refill() noexcept;
  bool start_failed_too_often() noexcept;
  void give_up(const char* why) noexcept;
  void dispatch() noexcept;
  void assign(worker_slot& slot, pool_task& task) noexcept;
  void take_answer(worker_slot& slot) noexcept;
  std::exception_ptr read_answer(pool_task& task, const response& answer);
  void bury(worker_slot& slot, int wait_status) noexcept;
  void end_task(pool_task& task, std::exception_ptr failure) noexcept;
  void forget_task() noexcept;
  void enqueue(pool_task& task) noexcept;
  void unlink(pool_task& task) noexcept;

  pool_options options_;
  ring& ring_;
  bool has_futex_;
  zygote_process zygote_;
  std::unique_ptr<control_watch> control_;
  std::vector<std::unique_ptr<worker_slot>> slots_;
  pool_task* first_ = nullptr;
  pool_task* last_ = nullptr;
  std::size_t outstanding_ = 0;  ///< tasks queued or running
  std::vector<time_point> failed_starts_;
  const char* unavailable_ = nullptr;  ///< why, once it has given up
  pool_statistics statistics_;
};

}  // namespace ringmill::detail
