// The machinery of a thread_pool: its threads and its queue.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include <ringmill/offload/thread_pool.hpp>

namespace ringmill::detail {

class thread_pool_core {
 public:
  explicit thread_pool_core(const thread_pool_options& options);
  ~thread_pool_core();
  thread_pool_core(const thread_pool_core&) = delete;
  thread_pool_core& operator=(const thread_pool_core&) = delete;

  /// Queues a call, and sees to it that there is a thread for it. Throws queue_full, std::system_error.
  void submit(thread_call& call);
  /// Takes a call out of the queue; false if a thread has it already.
  bool remove(thread_call& call) noexcept;
  /// A call's task has been told of its end.
  void forget_call() noexcept;
  void describe(const thread_call& call, task_writer& out) const;

  /// The process was forked since: the threads are in its parent.
  bool is_of_parent() const noexcept;
  std::size_t threads() const;
  std::size_t queued() const;
  std::size_t running() const;

 private:
  void start_thread();
  void serve() noexcept;
  thread_call& take_first() noexcept;
  void unlink(thread_call& call) noexcept;

  const thread_pool_options options_;
  const unsigned fork_count_;
  mutable std::mutex mutex_;
  std::condition_variable call_or_end_;
  // Below: under the lock.
  std::vector<std::thread> threads_;
  thread_call* first_ = nullptr;
  thread_call* last_ = nullptr;
  std::size_t queued_ = 0;
  std::size_t idle_ = 0;  ///< threads that wait for a call; one that was notified counts until it is awake
  std::size_t running_ = 0;
  std::size_t outstanding_ = 0;  ///< calls whose tasks wait
  bool is_ending_ = false;
};

}  // namespace ringmill::detail
