// A send that lets the network take the bytes from where they are, instead of copying them into the kernel first.
//
//   co_await peer.write_all_zero_copy(image);
//
// Worth it for what leaves the machine through a network card, from some 10 KiB on (the kernel's
// Documentation/networking/msg_zerocopy.rst), and to a peer that reads. Within the machine the kernel makes the copy
// after all, when the bytes are delivered: measured on loopback (Linux 6.18), a send took 2 to 5 times as long as
// `write_all` with 16 KiB, as long with 256 KiB, and 1.5 to 2 times as long with 4 MiB, since it waits for the peer.
// To a peer with a receive buffer of 4 KiB it may crawl at 10 KB a second: TCP's doing (docs/design/ring.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/io_op.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// IORING_OP_SEND_ZC of Linux 6.0, on a TCP socket: sends all bytes and waits until the kernel has let go of the
/// buffer, which must stay until then. TCP does so when the peer has acknowledged them: a peer that does not read holds
/// it up, where a plain send would have come back. An empty buffer is sent without asking. Throws std::system_error; a
/// connection that breaks when the kernel has accepted all bytes lets it come back, as a plain send had by then, and
/// fails the next operation.
///
/// Cancelling it, or closing its handle, resets the connection if a part of the buffer is on its way: nothing else
/// makes the kernel let go of the bytes while the peer does not read. What was sent before it and has not arrived is
/// lost with them, and a task that reads from the connection gets std::errc::connection_reset.
///
/// Sends a copy where the kernel cannot do better: an older one, a local socket, more bytes at once than
/// RLIMIT_MEMLOCK allows to be held (often 8 MiB in all, for ordinary users).
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
  bool stopping() noexcept override;
  void reset_connection() noexcept;

  std::span<const std::byte> rest_;
  std::int32_t sent_ = 0;  ///< of `rest_`, or a negated errno, while the kernel holds the buffer
  bool copies_ = false;    ///< sends as others do
  bool is_held_ = false;   ///< sent; the kernel has not let go of the buffer
  bool was_reset_ = false;
};

}  // namespace ringmill
