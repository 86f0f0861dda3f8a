// One call into a worker, without its types: what the pool queues, and what the coroutine awaits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <utility>

#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

class pool_core;

/// Lives in the awaiting frame. Ends exactly once: with a result, with a failure, or cancelled.
class RINGMILL_API pool_task {
 public:
  virtual ~pool_task();
  pool_task& operator=(const pool_task&) = delete;

  // The awaiter protocol (runtime/awaiter.hpp).
  bool await_ready() const noexcept { return false; }
  bool await_suspend(waiter& who);
  cancel_result await_cancel(cancel_reason) noexcept;
  bool await_must_resume() const noexcept { return state_ == state::ended; }
  void await_describe(task_writer& out) const;

 protected:
  pool_task(pool_core& pool, std::uint64_t function) noexcept : pool_(&pool), function_(function) {}
  /// A task moves before it is awaited only.
  pool_task(pool_task&& other) noexcept : pool_(other.pool_), function_(other.function_) {}

  virtual std::size_t argument_bytes() const = 0;
  virtual void write_arguments(std::span<std::byte> memory) const = 0;
  /// Throws protocol_error if `bytes` are no result; the worker may still change them.
  virtual void read_result(std::span<const std::byte> bytes) = 0;
  void rethrow_failure() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  friend class pool_core;
  enum class state : std::uint8_t { idle, queued, running, ended, cancelled };

  pool_core* pool_;
  std::uint64_t function_;
  pool_task* next_ = nullptr;  ///< in the pool's queue
  pool_task* previous_ = nullptr;
  waiter* waiter_ = nullptr;
  std::exception_ptr failure_;
  state state_ = state::idle;
};

}  // namespace ringmill::detail
