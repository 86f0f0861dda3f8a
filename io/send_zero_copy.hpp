// A send that lets the network take the bytes from where they are, instead of copying them into the kernel first.
//
//   co_await peer.write_all_zero_copy(image);  // a few hundred KiB or more
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/io_op.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// IORING_OP_SEND_ZC of Linux 6.0 until all bytes are sent and the kernel has let go of the buffer: for TCP, until the
/// peer has acknowledged them. So a peer that does not read holds it up, where a plain send would have returned. An
/// empty buffer is sent without asking.
///
/// Cancelling it, or closing its handle, resets the connection if a part of the buffer is on its way: nothing else
/// makes the kernel let go of the bytes while the peer does not read. What was sent before it and has not arrived is
/// lost with them, and a task that reads from the connection gets std::errc::connection_reset.
///
/// Sends a copy where the kernel cannot do it: an older one, a socket that is none of TCP, more than RLIMIT_MEMLOCK
/// allows to be held (ordinary users: 8 MiB of all such sends of theirs).
class [[nodiscard]] RINGMILL_API send_zero_copy_op : public io_op {
 public:
  send_zero_copy_op(fd& socket, std::span<const std::byte> data) noexcept : io_op(socket), rest_(data) {}
  bool await_ready() const noexcept { return rest_.empty(); }
  bool await_suspend(waiter& who);
  void await_resume() const { result_or_throw("send without a copy"); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  void stopping() noexcept override;
  void reset_connection() noexcept;

  std::span<const std::byte> rest_;
  std::int32_t sent_ = 0;  ///< of `rest_`, or a negated errno, while the kernel holds the buffer
  bool copies_ = false;    ///< sends as others do
  bool is_held_ = false;   ///< sent; the kernel has not let go of the buffer
  bool was_reset_ = false;
};

}  // namespace ringmill
