// An operation in flight: the base of everything that is submitted to a ring.
#pragma once

#include <cstdint>

#include <ringmill/io/fd.hpp>
#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/config.hpp>

struct io_uring_sqe;

namespace ringmill {

class ring;

/// Lives inside its awaiter, inside the coroutine's frame: no allocation. From the moment it is started until its final
/// completion the kernel owns it and its buffers: it must neither move nor die, and its destructor checks that in every
/// build. It answers the awaiter protocol; a derived class adds `prepare` and `await_resume`.
///
/// A derived class may instead serve as a watch in the background: started by `start_in_background`, its `completed`
/// overridden, and ended by its owner with `ring::cancel_and_wait`. Such a one does not hide a deadlock.
class RINGMILL_API io_op {
 public:
  io_op(const io_op&) = delete;
  io_op& operator=(const io_op&) = delete;
  virtual ~io_op();

  // The awaiter protocol (runtime/awaiter.hpp).
  bool await_ready() const noexcept { return false; }
  bool await_suspend(waiter& who);
  cancel_result await_cancel(cancel_reason) noexcept;
  bool await_must_resume() const noexcept;
  /// Once it has ended, its handle may be gone.
  void await_describe(task_writer& out) const {
    if (is_in_flight()) return describe(out);
    out.text("an operation that has ended");
  }

  bool is_in_flight() const noexcept { return state_ != state::idle; }

 protected:
  io_op() noexcept = default;
  /// One on a handle, which must stay where it is, and knows of it from the await to its end. If it was closed before
  /// the await, that throws EBADF: its number may be somebody else's by then.
  explicit io_op(fd& handle) noexcept : handle_(&handle) {}
  /// An operation moves with its awaiter before it is started, never after (checked).
  io_op(io_op&& other) noexcept;

  /// Fills `entry`, which is zeroed; user_data is the ring's. May be called again by `resubmit`.
  virtual void prepare(io_uring_sqe& entry) noexcept = 0;

  /// Says what it waits for, for the task tree: "receive on fd 7".
  virtual void describe(task_writer& out) const;

  /// The kernel's answer. Not final while `more` is set (multishot). The default keeps the final result and wakes.
  virtual void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept;

  /// It was asked to end, by a cancel or because its handle is being closed: does what more is needed to make it end
  /// soon. False: the kernel is not to be asked, since it would not find it and yet its final completion comes.
  virtual bool stopping() noexcept { return true; }

  /// A cancel was asked for, or its handle is being closed.
  bool is_stopping() const noexcept;
  /// From `completed` only: goes on with what is left (a short write), unless it `is_stopping`: then false.
  bool resubmit();
  /// From `completed` only: starts it again when the kernel may have what it lacked (descriptors, memory): after 10 ms,
  /// twice as long with each vain try up to 80 ms, or when a descriptor is closed on this ring. It counts as in flight
  /// meanwhile. False: as above.
  bool retry_later();

  /// Starts it without a waiter; `completed` has to be overridden. Throws std::logic_error without a ring.
  void start_in_background();
  void start_in_background(ring& where);

  /// The result of the final completion: zero or more, or a negated errno.
  std::int32_t result() const noexcept { return result_; }
  void set_result(std::int32_t value) noexcept { result_ = value; }
  /// The final result; throws std::system_error, with `what`, if it is an error.
  std::int32_t result_or_throw(const char* what) const;
  /// The ring that it is started on: its thread's.
  static ring& owner();
  /// Of the handle it was made with, as that is now: for `prepare`, and while it is in flight. A handle that was
  /// assigned anew between the making of an operation and its await means the new descriptor.
  int descriptor() const noexcept;
  /// The same for one that may have been made without a handle, for the descriptor `number` of somebody else.
  int descriptor_or(int number) const noexcept { return handle_ ? descriptor() : number; }
  void wake_waiter() noexcept { waiter_->wake(); }

 private:
  friend class ring;
  friend class detail::op_list;
  friend class detail::op_set;
  enum class state : std::uint8_t {
    idle,
    queued,         ///< waits for a free submission entry
    submitted,      ///< the kernel's
    cancel_queued,  ///< the kernel's; the request to cancel waits for an entry
    cancel_sent,    ///< the kernel's; it was asked to cancel
    interrupted,    ///< the kernel's; a thread of it works on this, and was told to end
    paused,         ///< waits to be tried again
  };

  // In the ring's list of what waits for an entry, of what is paused, or of what it was asked to cancel; or, submitted,
  // in its handle's.
  io_op* next_ = nullptr;
  io_op* previous_ = nullptr;
  fd* handle_ = nullptr;
  waiter* waiter_ = nullptr;
  std::int32_t result_ = 0;
  // Four bytes, not eight: with those above it makes 48 for each operation of a frame, where it would be 56.
  state state_ = state::idle;
  bool background_ : 1 = false;
  bool cancel_asked_ : 1 = false;
  std::uint8_t vain_tries_ : 2 = 0;
  std::uint16_t cancel_number_ = 0;  ///< of the request to cancel that was sent last
};

}  // namespace ringmill
