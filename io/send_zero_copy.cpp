#include <ringmill/io/send_zero_copy.hpp>

#include <liburing.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include <ringmill/io/detail/op_text.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill {

namespace {

/// Has nothing to do with the bytes or the peer: a copy can be sent.
bool is_refusal(std::int32_t result) noexcept {
  return result == -EOPNOTSUPP || result == -ENOMEM || result == -ENOBUFS;
}

}  // namespace

bool send_zero_copy_op::await_suspend(waiter& who) {
  copies_ = !owner().backend().supports(IORING_OP_SEND_ZC);
  return io_op::await_suspend(who);
}

void send_zero_copy_op::prepare(io_uring_sqe& entry) noexcept {
  constexpr int flags = MSG_NOSIGNAL | MSG_WAITALL;
  const unsigned length = detail::entry_length(rest_.size());
  if (copies_) {
    io_uring_prep_send(&entry, descriptor(), rest_.data(), length, flags);
  } else {
    io_uring_prep_send_zc(&entry, descriptor(), rest_.data(), length, flags, 0);
  }
}

void send_zero_copy_op::describe(task_writer& out) const {
  out.text(detail::on_socket(is_held_ ? "the end of a send without a copy" : "send without a copy", descriptor()));
}

// Two completions: the first says how much was sent, and that there `more` follows, the second that the buffer is free.
// There is no second one if the kernel has not begun, nor for a copy.
void send_zero_copy_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (more) {
    sent_ = result;
    is_held_ = true;
    if (is_stopping()) reset_connection();
    return;
  }
  is_held_ = false;
  if ((flags & IORING_CQE_F_NOTIF) != 0) result = was_reset_ ? -ECANCELED : sent_;
  bool goes_on = false;
  if (result > 0) {
    rest_ = rest_.subspan(static_cast<std::size_t>(result));
    goes_on = !rest_.empty();
  } else if (!copies_ && is_refusal(result)) {
    goes_on = copies_ = true;
  }
  if (goes_on) {
    if (resubmit()) return;
    result = -ECANCELED;  // a part may have been sent, then it was cancelled
  }
  io_op::completed(result, flags, more);
}

/// Once the bytes are sent a cancel finds nothing.
bool send_zero_copy_op::stopping() noexcept {
  if (is_held_) reset_connection();
  return !is_held_;
}

/// connect(2): an address of AF_UNSPEC dissolves the connection. It takes the unsent bytes out of the socket, at once.
void send_zero_copy_op::reset_connection() noexcept {
  if (sent_ <= 0 || was_reset_) return;
  const sockaddr nobody{AF_UNSPEC, {}};
  was_reset_ = owner().backend().connect(descriptor(), &nobody, sizeof nobody) == 0;
}

}  // namespace ringmill
