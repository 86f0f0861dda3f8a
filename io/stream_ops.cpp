#include <ringmill/io/stream_ops.hpp>

#include <liburing.h>
#include <poll.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/detail/op_text.hpp>

namespace ringmill {

using detail::entry_length;
using detail::on_descriptor;

namespace {

constexpr auto own_position = static_cast<__u64>(-1);

/// RWF_NOSIGNAL of Linux 6.18, which older headers do not know. Older kernels answer EOPNOTSUPP.
constexpr __kernel_rwf_t without_signal = 0x100;
constinit std::atomic<bool> knows_without_signal = true;

}  // namespace

bool detail::writes_without_signal() noexcept { return knows_without_signal.load(std::memory_order_relaxed); }
void detail::set_writes_without_signal(bool on) noexcept { knows_without_signal.store(on, std::memory_order_relaxed); }

void stream_read_op::prepare(io_uring_sqe& entry) noexcept {
  if (polls_) return io_uring_prep_poll_add(&entry, descriptor_or(source_), POLLIN);
  io_uring_prep_read(&entry, descriptor_or(source_), buffer_.data(), entry_length(buffer_.size()), own_position);
}

void stream_read_op::describe(task_writer& out) const { out.text(on_descriptor("read", descriptor_or(source_))); }

void stream_read_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  const bool was_poll = polls_;
  polls_ = result == -EAGAIN;
  if (polls_ || (was_poll && result >= 0)) {
    if (resubmit()) return;
    result = -ECANCELED;
  }
  io_op::completed(result, flags, more);
}

void stream_write_all_op::prepare(io_uring_sqe& entry) noexcept {
  if (polls_) return io_uring_prep_poll_add(&entry, descriptor_or(sink_), POLLOUT);
  io_uring_prep_write(&entry, descriptor_or(sink_), rest_.data(), entry_length(rest_.size()), own_position);
  asks_no_signal_ = detail::writes_without_signal();
  // Without that, what comes here cannot be written without waiting (see `completed`): so the kernel hands it to a
  // worker thread, which takes no signal. It is not told to by IOSQE_ASYNC: with that, Linux 6.1 does not come back
  // from io_uring_enter when another writer has filled the pipe since it was polled.
  if (asks_no_signal_) entry.rw_flags = without_signal;
}

void stream_write_all_op::describe(task_writer& out) const { out.text(on_descriptor("write", descriptor_or(sink_))); }

void stream_write_all_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  const bool was_poll = std::exchange(polls_, false);
  bool goes_on = false;
  bool was_written = !was_poll;
  if (was_poll && result >= 0) {
    result = detail::files().write_at_once(descriptor_or(sink_), rest_.data(), rest_.size());
    was_written = result != -EOPNOTSUPP;
    goes_on = !was_written;  // by the ring
  }
  if (was_written && result > 0) {
    rest_ = rest_.subspan(static_cast<std::size_t>(result));
    goes_on = !rest_.empty();
    polls_ = !detail::writes_without_signal();
  } else if (was_written && result == -EAGAIN) {
    goes_on = polls_ = true;
  } else if (was_written && result == -EOPNOTSUPP && asks_no_signal_) {
    detail::set_writes_without_signal(false);
    goes_on = polls_ = true;
  } else if (was_written && result == 0) {
    result = -EIO;  // nothing was written, and nothing said why
  }
  if (goes_on) {
    if (resubmit()) return;
    result = -ECANCELED;  // a part may have been written, then it was cancelled
  }
  io_op::completed(result, flags, more);
}

}  // namespace ringmill
