#include <ringmill/io/buffer.hpp>

#include <liburing.h>

#include <cerrno>
#include <utility>

#include <ringmill/io/detail/buffer_pool.hpp>
#include <ringmill/io/detail/op_text.hpp>
#include <ringmill/io/fd.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill {

void lease::give_back() noexcept { ring::current().buffers().give_back(*this); }

receive_lease_op::receive_lease_op(fd& socket) noexcept : io_op(socket) {}
receive_lease_op::~receive_lease_op() {
  if (buffer_) const lease nobody_took_it = owner().buffers().lease_of(buffer_, 0);
}

bool receive_lease_op::await_suspend(waiter& who) {
  owner().buffers();  // the first one makes them, and may throw
  return io_op::await_suspend(who);
}

void receive_lease_op::prepare(io_uring_sqe& entry) noexcept {
  if (buffer_) {
    io_uring_prep_recv(&entry, descriptor(), buffer_, owner().buffers().buffer_size(), 0);
  } else {
    io_uring_prep_recv(&entry, descriptor(), nullptr, 0, 0);  // as much as a buffer holds
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = detail::buffer_pool::group;
  }
}

void receive_lease_op::describe(task_writer& out) const { out.text(detail::on_socket("receive", descriptor())); }

void receive_lease_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (result == -ENOBUFS && !buffer_) {
    buffer_ = owner().buffers().make_own();
    if (buffer_ && resubmit()) return;
    result = buffer_ ? -ECANCELED : -ENOMEM;
  } else if ((flags & IORING_CQE_F_BUFFER) != 0) {
    buffer_ = owner().buffers().take(flags, result > 0 ? static_cast<std::uint32_t>(result) : 0);
  }
  io_op::completed(result, flags, more);
}

lease receive_lease_op::await_resume() {
  const auto size = static_cast<std::uint32_t>(result_or_throw("receive"));
  if (size == 0) return lease();  // its buffer, if there was one, goes back with this
  return owner().buffers().lease_of(std::exchange(buffer_, nullptr), size);
}

}  // namespace ringmill
