// One call into a worker, without its types: what the pool queues, and what the coroutine awaits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <utility>

#include <ringmill/offload/pool_options.hpp>
#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/timer_queue.hpp>

namespace ringmill {
class pool_buffer;
}

namespace ringmill::detail {

class function_profile;
class shared_buffers;
class pool_core;
class task_queue;
class worker_lease;
class worker_slot;

/// Lives in the awaiting frame. Ends exactly once: with a result, with a failure, or cancelled.
class RINGMILL_API pool_task : private timer {
 public:
  virtual ~pool_task();
  pool_task& operator=(const pool_task&) = delete;

  // The awaiter protocol (runtime/awaiter.hpp).
  bool await_ready() const noexcept { return state_ == state::ended; }
  bool await_suspend(waiter& who);
  cancel_result await_cancel(cancel_reason) noexcept;
  bool await_must_resume() const noexcept { return state_ == state::ended; }
  void await_describe(task_writer& out) const;

 protected:
  pool_task(pool_core& pool, function_id called, call_options options, bool may_wait);
  /// A task moves before it is awaited only.
  pool_task(pool_task&& other) noexcept;

  // For the calls of a stream (offload/stream.hpp), which may run before they are awaited.

  /// As the first call of a stream, or as one that goes on in the worker that the lease has.
  void start(worker_lease& lease, bool is_first) noexcept;
  /// Unless it has ended: nobody awaits it any more. Its worker is killed.
  void drop() noexcept;

  virtual std::size_t argument_bytes() const = 0;
  virtual void write_arguments(std::span<std::byte> memory) const = 0;
  virtual std::uint64_t argument_hash() const = 0;
  /// Throws protocol_error if `bytes` are no result; the worker may still change them.
  virtual void read_result(std::span<const std::byte> bytes) = 0;

  // Only for a task that `looks_in_place`. One of these two is called:

  /// After `read_result`, between two tasks, once the pool's books are in order, and before the worker may use these
  /// bytes for something else. May call into the pool.
  virtual void look_at_result() noexcept {}
  /// Instead of `read_result`, where it is no time to look: the bytes are the worker's again at once.
  virtual void copy_result(std::span<const std::byte> bytes) { read_result(bytes); }
  void looks_in_place() noexcept { looks_in_place_ = true; }

  void rethrow_failure() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }
  /// Where views need not be copied; null if the pool has none.
  shared_buffers* buffers() const noexcept;
  /// Throws std::invalid_argument if it is of another pool.
  void check_owner(const pool_buffer& buffer) const;
  /// It stands for several calls: its worker's death says little about the function.
  void is_several_calls() noexcept { several_calls_ = true; }
  /// Null if there is none.
  std::exception_ptr take_failure() noexcept { return std::exchange(failure_, nullptr); }
  /// In the worker, by its own word; at most 4 s are counted.
  duration run_time() const noexcept { return duration(run_time_); }

 private:
  friend class pool_core;
  friend class task_queue;
  enum class state : std::uint8_t {
    idle,
    queued,
    running,   ///< a worker has it
    stopping,  ///< the same, but nobody wants it any more: the function may see that, or its worker is killed
    ended,
    cancelled,
  };
  bool is_at_worker() const noexcept { return state_ == state::running || state_ == state::stopping; }

  pool_core* pool_;
  function_id function_;
  call_options options_;
  pool_task* next_ = nullptr;  ///< in the pool's queue
  pool_task* previous_ = nullptr;
  waiter* waiter_ = nullptr;
  std::exception_ptr failure_;
  function_profile* profile_ = nullptr;
  worker_slot* slot_ = nullptr;    ///< that has it
  worker_lease* lease_ = nullptr;  ///< of the stream that it belongs to
  std::uint32_t sequence_ = 0;     ///< its number there
  std::uint32_t run_time_ = 0;
  std::size_t size_ = 0;  ///< of the encoded arguments
  time_point submitted_;
  unsigned retries_;         ///< that are left
  float progress_ = -1;      ///< the last that was told
  std::uint8_t deaths_ = 0;  ///< of zygotes under it
  bool may_wait_;            ///< false: try_run
  bool goes_on_ = false;     ///< it runs on the worker that the lease has, or nowhere
  bool several_calls_ = false;
  bool looks_in_place_ = false;
  bool is_probe_ = false;  ///< the one that is tried of a function that others may not run
  bool alone_;             ///< it gets a worker that has nothing else
  state state_ = state::idle;
};

}  // namespace ringmill::detail
