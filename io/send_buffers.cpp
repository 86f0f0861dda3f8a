#include <ringmill/io/send_buffers.hpp>

#include <liburing.h>

#include <algorithm>
#include <cerrno>

#include <ringmill/io/detail/op_text.hpp>

namespace ringmill {

send_buffers_op::send_buffers_op(fd& socket, std::span<const const_buffer> buffers) noexcept
    : io_op(socket), rest_(buffers) {
  advance(0);
}

void send_buffers_op::advance(std::size_t count) noexcept {
  sent_of_first_ += count;
  while (!rest_.empty() && sent_of_first_ >= rest_.front().bytes().size()) {
    sent_of_first_ -= rest_.front().bytes().size();
    rest_ = rest_.subspan(1);
  }
}

void send_buffers_op::prepare(io_uring_sqe& entry) noexcept {
  const std::size_t count = std::min(rest_.size(), at_once);
  std::size_t sent = sent_of_first_;
  for (std::size_t i = 0; i < count; ++i) {
    const std::span<const std::byte> bytes = rest_[i].bytes().subspan(sent);
    pieces_[i].iov_base = const_cast<std::byte*>(bytes.data());  // sendmsg(2) does not write to it
    pieces_[i].iov_len = bytes.size();
    sent = 0;
  }
  message_.msg_iov = pieces_;
  message_.msg_iovlen = count;
  io_uring_prep_sendmsg(&entry, descriptor(), &message_, MSG_NOSIGNAL | MSG_WAITALL);
}

void send_buffers_op::describe(task_writer& out) const { out.text(detail::on_socket("send", descriptor())); }

void send_buffers_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (result > 0) {
    advance(static_cast<std::size_t>(result));
    if (!rest_.empty()) {
      if (resubmit()) return;
      result = -ECANCELED;  // a part was sent, then it was cancelled
    }
  }
  io_op::completed(result, flags, more);
}

}  // namespace ringmill
