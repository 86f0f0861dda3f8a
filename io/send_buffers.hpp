// Several buffers sent as if they were one: a head and a body in one packet, without a copy.
//
//   const rm::const_buffer parts[] = {head, body};
//   co_await peer.write_all(parts);
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include <ringmill/io/const_buffer.hpp>
#include <ringmill/io/fd.hpp>
#include <ringmill/io/io_op.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// sendmsg(2) until all bytes of all buffers, in order, are accepted by the kernel, without SIGPIPE; eight buffers at a
/// time. co_await it: suspends unless all are empty. Throws std::system_error. When it was cancelled, a part may have
/// been sent. The buffers, and the list of them, must stay until it comes back.
class [[nodiscard]] RINGMILL_API send_buffers_op : public io_op {
 public:
  send_buffers_op(fd& socket, std::span<const const_buffer> buffers) noexcept;
  bool await_ready() const noexcept { return rest_.empty(); }
  void await_resume() const { result_or_throw("send"); }

 private:
  static constexpr std::size_t at_once = 8;

  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  /// So many bytes of what is left are sent.
  void advance(std::size_t count) noexcept;

  std::span<const const_buffer> rest_;
  std::size_t sent_of_first_ = 0;
  msghdr message_{};
  iovec pieces_[at_once];
};

}  // namespace ringmill
