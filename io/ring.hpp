// The ring: prepares submission entries, enters the kernel once a turn, and hands completions to their operations.
//
// Deliberately not here: what an operation means (io/ops.hpp), who stands behind the arrays (io/kernel.hpp), and
// timers, which live in user space (runtime/timer_queue.hpp).
#pragma once

#include <cstdint>

#include <ringmill/io/io_op.hpp>
#include <ringmill/io/kernel.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill {

namespace detail {
class buffer_pool;
class kernel_access;
}  // namespace detail

/// What a ring has done; always counted.
struct ring_statistics {
  std::uint64_t enters = 0;       ///< system calls
  std::uint64_t submitted = 0;    ///< entries given to the kernel
  std::uint64_t completions = 0;  ///< entries received
  std::uint64_t waited = 0;       ///< operations that found the submission array full
};

/// The driver of a loop that does I/O. Belongs to one thread.
class RINGMILL_API ring final : public driver {
 public:
  explicit ring(std::unique_ptr<kernel> behind);
  ~ring() override;
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;

  /// The ring of the loop that runs on this thread; throws std::logic_error if there is none.
  static ring& current();
  /// What stands behind the thread's ring, or null.
  static kernel* current_backend() noexcept;

  /// Hands it to the kernel on the next enter. When the array is full it waits in a first-in, first-out list.
  void start(io_op& op);
  /// Asks the kernel to end it, through the same list. `done` if the kernel has never seen it; else its final
  /// completion is still to come.
  cancel_result cancel(io_op& op) noexcept;
  /// For destructors, which cannot await: cancels and blocks until the final completion is in. Other completions that
  /// come meanwhile only wake their waiters. Returns at once if it is not in flight.
  void cancel_and_wait(io_op& op) noexcept;

  /// For a handle that is closed: the same for all that is in flight on it.
  void end_all_on(fd& handle) noexcept;

  /// After a descriptor of the process was closed: what could get none is tried again.
  void descriptor_was_closed() noexcept {
    if (!paused_.empty()) retry_paused();
  }

  /// Someone outside was asked to work (a worker process), and a watch in the background will tell: until
  /// `work_returned`, waiting for it is no deadlock.
  void work_sent_out() noexcept { ++sent_out_; }
  void work_returned() noexcept { --sent_out_; }

  /// What reads with a lease get their memory from (io/buffer.hpp): 256 buffers of 4 KiB unless `use_buffers` was
  /// called.
  detail::buffer_pool& buffers();
  /// Before the first such read, else std::logic_error: `count`, a power of two up to 32768, buffers of `size` bytes. A
  /// few megabytes at most: what does not fit the processor's cache costs 15 % more a read.
  void use_buffers(unsigned count, unsigned size);

  /// There are entries that the kernel has not been given: it gets them on the next turn. A host that cancels something
  /// between two turns leaves such.
  bool has_unsubmitted() const noexcept { return tail_ != submitted_ || !queued_.empty(); }

  /// Operations in flight that someone awaits: without the watches in the background.
  std::size_t in_flight() const noexcept { return in_flight_ - background_; }
  /// Who stands behind the arrays; for control calls (socket, bind, close...).
  kernel& backend() noexcept { return *kernel_; }
  const ring_statistics& statistics() const noexcept { return statistics_; }

  time_point now() noexcept override { return kernel_->now(); }
  std::uint64_t random() override;
  void poll() override;
  void wait(std::optional<time_point> deadline) override;
  bool can_wake() const noexcept override { return in_flight_ > background_ || sent_out_ > 0; }
  void wake() noexcept override { kernel_->wake(); }

  /// When it has something to do by itself: to ask again for an end that does not come. The end of time if never.
  time_point next_deadline() const noexcept { return ask_again_at_; }

  /// For a host's loop: readable, to poll(2) and its kind, when `loop::run_once` has something to do. The ring's own.
  int poll_fd();

 private:
  friend class io_op;
  friend class ring_scope;
  class wake_watch;
  class retry_timer;

  void check_process() const noexcept;
  bool has_free_entry() const noexcept;
  void start_when_possible(io_op& op) noexcept;
  void ask_to_cancel(io_op& op) noexcept;
  static std::uint64_t answer_to_cancel(const io_op& op) noexcept;
  io_op* asked_by(std::uint64_t answer) noexcept;
  void ask_again_to_cancel(io_op& op) noexcept;
  void was_interrupted(io_op& op) noexcept;
  void interrupt_again() noexcept;
  void pause(io_op& op);
  void retry_paused() noexcept;
  void disarm_if_none_paused() noexcept;
  void drop_waiting_on(const fd& handle, detail::op_list& list) noexcept;
  void fill_entry(io_op& op) noexcept;
  void fill_from_list() noexcept;
  void submit_list();
  void collect_some(std::optional<time_point> deadline);
  void enter(bool wait, std::optional<duration> timeout);
  void collect() noexcept;
  bool has_completions() const noexcept;
  void finished(io_op& op) noexcept;
  void listen_for_wakes();

  std::unique_ptr<kernel> kernel_;
  ring_arrays arrays_;
  unsigned tail_ = 0;            ///< entries prepared
  unsigned submitted_ = 0;       ///< entries the kernel has taken
  detail::op_list queued_;       ///< what waits for a free entry
  detail::op_list paused_;       ///< what waits to be tried again
  detail::op_list cancel_sent_;  ///< what the kernel was asked to cancel, in the order in which it was asked
  std::uint16_t cancels_ = 0;    ///< how many it was asked for, which numbers them
  time_point ask_again_at_ = time_point::max();  ///< to cancel those of them that were interrupted and have not ended
  std::unique_ptr<retry_timer> retry_timer_;
  bool is_polled_ = false;  ///< by a host's loop
  std::size_t in_flight_ = 0;
  std::size_t background_ = 0;
  std::size_t sent_out_ = 0;
  std::unique_ptr<wake_watch> wake_watch_;  ///< in flight from the first wait on
  unsigned fork_count_;                     ///< of the process that it belongs to
  std::unique_ptr<detail::buffer_pool> buffers_;
  std::unique_ptr<detail::kernel_access> accesses_;
  ring_statistics statistics_;
};

/// Makes a ring the thread's own, for as long as this lives.
class RINGMILL_API ring_scope {
 public:
  explicit ring_scope(ring& now);
  ~ring_scope();
  ring_scope(const ring_scope&) = delete;
  ring_scope& operator=(const ring_scope&) = delete;

 private:
  ring* before_;
};

}  // namespace ringmill
