// The machinery of a process_pool. Its parts, a source file each:
//
//   offload/pool_core.cpp       a task's way: submitted, cancelled, out of time, ended
//   offload/pool_scheduler.cpp  which worker gets which task, and what its answers mean
//   offload/pool_blame.cpp      a process has died: who is to blame, who runs again
//   offload/pool_stream.cpp     workers that belong to a stream for a while
//   offload/pool_buffer.cpp     memory that is received into, and read by workers
//   offload/pool_lifecycle.cpp  zygote and workers: started, replaced, given up
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <ringmill/io/ring.hpp>
#include <ringmill/offload/detail/circuit_breaker.hpp>
#include <ringmill/offload/detail/function_profile.hpp>
#include <ringmill/offload/detail/late_reader.hpp>
#include <ringmill/offload/detail/quarantine.hpp>
#include <ringmill/offload/detail/shared_buffers.hpp>
#include <ringmill/offload/detail/task_queue.hpp>
#include <ringmill/offload/detail/worker_slot.hpp>
#include <ringmill/offload/pool_options.hpp>
#include <ringmill/offload/pool_statistics.hpp>
#include <ringmill/offload/pool_task.hpp>
#include <ringmill/offload/zygote_link.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/loop.hpp>

namespace ringmill::detail {

class pool_core {
 public:
  explicit pool_core(const pool_options& options);
  ~pool_core();
  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  // For tasks.

  /// Takes a task into the queue, and on to a worker. False: it has ended at once, with a failure.
  bool submit(pool_task& task) noexcept;
  cancel_result cancel(pool_task& task) noexcept;
  void time_is_over(pool_task& task) noexcept;
  void drop(pool_task& task) noexcept;

  // For streams.

  void lease_begins() noexcept;
  void lease_ends(worker_lease& lease, bool is_clean) noexcept;

  // For buffers (offload/pool_buffer.cpp).

  /// Null if the pool was made without.
  const buffers_owner& buffers() const noexcept { return buffers_; }
  /// Throws payload_too_large or std::logic_error if there never is such a buffer.
  void check_buffer(std::size_t size) const;
  /// Throws std::invalid_argument if it is of another pool.
  void check_owner(const pool_buffer& buffer) const;

  // For watches: called from a completion, so they wake tasks and resume none.

  /// Not now: arm again, and touch nothing.
  bool is_deaf() const noexcept { return deaf_ != 0; }
  void worker_spoke(worker_slot& slot) noexcept;
  void zygote_spoke() noexcept;

  /// That worker has not started, skipped a call that was called back, or been reported dead in time.
  void lost_patience(worker_slot& slot) noexcept;

  // For the pool.

  /// No new tasks.
  void close() noexcept;
  /// Ends all tasks now: those that run with their workers.
  void abandon_tasks() noexcept;
  /// Set while there is no task.
  event& idle() noexcept { return idle_; }
  std::vector<int> worker_pids() const;
  pool_statistics stats() const;
  /// In a few words, for dump_tasks().
  std::string summary() const;
  std::size_t worker_count() const noexcept { return options_.workers(); }
  const pool_options& options() const noexcept { return options_; }

 private:
  class control_watch;
  /// Ending a watch waits for the kernel, and other watches complete meanwhile; so does a reader that closes a handle.
  /// While this lives they are armed again and nothing more: what they have to tell is still there afterwards.
  class deaf_section {
   public:
    explicit deaf_section(pool_core& pool) noexcept : pool_(pool) { ++pool_.deaf_; }
    ~deaf_section() { --pool_.deaf_; }
    deaf_section(const deaf_section&) = delete;
    deaf_section& operator=(const deaf_section&) = delete;

   private:
    pool_core& pool_;
  };
  class tick final : public timer {
   public:
    using action = void (pool_core::*)() noexcept;
    tick(pool_core& pool, action what) noexcept : timer(&fire), pool_(pool), what_(what) {}

   private:
    static void fire(timer& base) noexcept {
      auto& self = static_cast<tick&>(base);
      (self.pool_.*self.what_)();
    }
    pool_core& pool_;
    action what_;
  };

  /// The time, read when it is first asked for: most answers need none.
  class lazy_clock {
   public:
    explicit lazy_clock(ring& of) noexcept : ring_(of) {}
    time_point now() noexcept {
      if (!read_) read_ = ring_.now();
      return *read_;
    }
    void read_again() noexcept { read_.reset(); }

   private:
    ring& ring_;
    std::optional<time_point> read_;
  };

  /// What becomes of a result that is to be read where it lies. A reader is a stranger's function, so it is called
  /// between two tasks (`end_turn`), and not from what another task has called, or from a completion.
  enum class readers : std::uint8_t {
    run,
    wait,        ///< it stays where it is until the end of the turn, and those behind it too
    get_copies,  ///< it counts now: the task itself calls the reader when it goes on, with a copy
  };

  /// Runs once after what is ready now: then calls that were staged meanwhile are published together, and workers that
  /// have spoken are looked at again. A waiter that is woken cannot be taken back, so it may outlive the pool.
  class turn_end final : public callback_waiter {
   public:
    explicit turn_end(pool_core& owner) noexcept
        : callback_waiter([](callback_waiter& self) noexcept {
            if (pool_core* here = static_cast<turn_end&>(self).pool) here->end_turn();
          }),
          pool(&owner) {}
    pool_core* pool;
  };

  pool_core(const pool_options& options, loop& on);

  // pool_core.cpp
  bool refuse(pool_task& task, task_outcome how, std::exception_ptr why) noexcept;
  void count_in() noexcept;
  bool may_run(pool_task& task) noexcept;
  void finish(pool_task& task, task_outcome how, std::exception_ptr failure) noexcept;
  void finish_cancelled(pool_task& task) noexcept;
  void forget(pool_task& task) noexcept;
  void count(task_outcome how) noexcept { ++statistics_.outcomes[static_cast<std::size_t>(how)]; }

  // pool_scheduler.cpp
  void dispatch() noexcept;
  void fill_idle_workers() noexcept;
  void prefetch() noexcept;
  worker_slot* shortest_backlog(const pool_task& task) noexcept;
  bool assign(worker_slot& slot, pool_task& task) noexcept;
  void begin_head(worker_slot& slot, time_point now) noexcept;
  pool_task* take_back() noexcept;
  bool call_back(pool_task& task) noexcept;
  void end_turn_soon() noexcept;
  void end_turn() noexcept;
  bool take_answers(worker_slot& slot, readers may) noexcept;
  void take_answer(worker_slot& slot, const response& answer, readers may, lazy_clock& clock);
  void read_answer(pool_task& task, const response& answer, readers may);
  void look_in_place(worker_slot& slot, pool_task& task, lazy_clock& clock) noexcept;
  void take_progress(worker_slot& slot) noexcept;
  void became_idle(worker_slot& slot, lazy_clock& clock) noexcept;
  bool is_worn_out(worker_slot& slot, lazy_clock& clock) noexcept;
  std::size_t busy_workers() const noexcept;

  // pool_blame.cpp
  void kill(worker_slot& slot, pool_task* about) noexcept;
  void requeue_others(worker_slot& slot, const pool_task* but) noexcept;
  void requeue(pool_task& task) noexcept;
  void violated(worker_slot& slot, const char* what) noexcept;
  void bury(worker_slot& slot, const zygote_message& death) noexcept;
  void blame(pool_task& task, const worker_crashed& death) noexcept;
  void bury_with_zygote(worker_slot& slot) noexcept;
  void let_read_on(worker_slot& slot) noexcept;

  // pool_stream.cpp
  bool submit_to_lease(pool_task& task) noexcept;
  void lease_to(worker_lease& lease, worker_slot& slot) noexcept;
  void lose(worker_slot& slot, std::exception_ptr why) noexcept;

  // pool_lifecycle.cpp
  void start_zygote();
  void zygote_died() noexcept;
  void heard(received_message& received) noexcept;
  void start_worker(worker_slot& slot);
  void start_first_workers();
  void worker_ended(worker_slot& slot, const zygote_message& death) noexcept;
  void refill() noexcept;
  void refill_later() noexcept;
  bool start_failed_too_often() noexcept;
  void give_up(task_outcome how, std::exception_ptr why) noexcept;

  pool_options options_;
  loop& loop_;
  ring& ring_;
  bool has_futex_;
  buffers_owner buffers_;
  zygote_process zygote_;
  std::unique_ptr<control_watch> control_;
  std::vector<std::unique_ptr<worker_slot>> slots_;
  std::vector<std::unique_ptr<late_reader>> late_readers_;
  unsigned deaf_ = 0;  ///< more than 0: see deaf_section

  task_queue queue_;
  std::size_t outstanding_ = 0;  ///< tasks that wait or run
  std::size_t leases_ = 0;       ///< streams that are read
  std::size_t prefetched_ = 0;   ///< tasks that lie behind another one at their worker
  event idle_;
  function_profiles profiles_;
  quarantine quarantine_;
  circuit_breaker breaker_;
  std::unique_ptr<turn_end> turn_end_;
  tick look_again_;  ///< whether a worker is free for what lies behind a slow task elsewhere

  std::vector<time_point> failed_starts_;
  duration pause_;  ///< before the next attempt to start a process
  tick start_again_;
  std::uint64_t jitter_ = 0;
  std::exception_ptr unavailable_;  ///< why, once it takes no more tasks
  bool given_up_ = false;           ///< it starts no processes either
  task_outcome unavailable_as_ = task_outcome::pool_unavailable;
  pool_statistics statistics_;
};

}  // namespace ringmill::detail
