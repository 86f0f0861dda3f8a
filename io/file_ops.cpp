#include <ringmill/io/file_ops.hpp>

#include <fcntl.h>
#include <liburing.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/detail/op_text.hpp>
#include <ringmill/io/detail/opcodes.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill {

using detail::on_descriptor;

namespace {

unsigned vector_length(std::size_t count) noexcept {
  return static_cast<unsigned>(std::min<std::size_t>(count, IOV_MAX));
}

}  // namespace

read_vectored_op::read_vectored_op(fd& file, std::span<const std::span<std::byte>> buffers, std::int64_t offset)
    : io_op(file), offset_(offset) {
  buffers_.reserve(buffers.size());
  for (const std::span<std::byte> buffer : buffers) buffers_.push_back(iovec{buffer.data(), buffer.size()});
}

void read_vectored_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_readv(&entry, descriptor(), buffers_.data(), vector_length(buffers_.size()),
                      static_cast<__u64>(offset_));
}

void read_vectored_op::describe(task_writer& out) const { out.text(on_descriptor("read", descriptor())); }

write_all_vectored_op::write_all_vectored_op(fd& file, std::span<const std::span<const std::byte>> parts,
                                             std::int64_t offset)
    : io_op(file), offset_(offset) {
  parts_.reserve(parts.size());
  for (const std::span<const std::byte> part : parts) {
    // The kernel only reads from it; iovec has one form for both ways.
    if (!part.empty()) parts_.push_back(iovec{const_cast<std::byte*>(part.data()), part.size()});
  }
}

void write_all_vectored_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_writev(&entry, descriptor(), parts_.data() + first_, vector_length(parts_.size() - first_),
                       static_cast<__u64>(offset_));
}

void write_all_vectored_op::describe(task_writer& out) const { out.text(on_descriptor("write", descriptor())); }

void write_all_vectored_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (result > 0) {
    skip(static_cast<std::size_t>(result));
    if (first_ < parts_.size()) {
      if (offset_ >= 0) offset_ += result;
      if (resubmit()) return;
      result = -ECANCELED;  // a part was written, then it was cancelled
    }
  } else if (result == 0) {
    result = -EIO;  // nothing was written, and nothing said why
  }
  io_op::completed(result, flags, more);
}

void write_all_vectored_op::skip(std::size_t written) noexcept {
  while (first_ < parts_.size() && written >= parts_[first_].iov_len) written -= parts_[first_++].iov_len;
  if (written == 0) return;
  iovec& cut = parts_[first_];
  cut.iov_base = static_cast<std::byte*>(cut.iov_base) + written;
  cut.iov_len -= written;
}

void sync_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_fsync(&entry, descriptor(), what_ == what::data ? IORING_FSYNC_DATASYNC : 0);
}

void sync_op::describe(task_writer& out) const { out.text(on_descriptor("fsync", descriptor())); }

void preallocate_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_rw(IORING_OP_FALLOCATE, &entry, descriptor(), nullptr, 0, static_cast<__u64>(offset_));
  entry.addr = static_cast<__u64>(length_);  // liburing 2.3's own helper cuts the length to 32 bits
}

void preallocate_op::describe(task_writer& out) const { out.text(on_descriptor("fallocate", descriptor())); }

bool truncate_op::await_suspend(waiter& who) {
  if (ring::current().backend().supports(detail::opcode_ftruncate)) return io_op::await_suspend(who);
  set_result(detail::files().truncate(descriptor(), size_));  // EBADF if it was closed before the await
  return false;
}

void truncate_op::prepare(io_uring_sqe& entry) noexcept {
  entry.opcode = detail::opcode_ftruncate;
  entry.fd = descriptor();
  entry.off = static_cast<__u64>(size_);
}

void truncate_op::describe(task_writer& out) const { out.text(on_descriptor("ftruncate", descriptor())); }

void status_op::prepare(io_uring_sqe& entry) noexcept {
  if (of_path_) {
    const int flags = last_ == symlinks::keep ? AT_SYMLINK_NOFOLLOW : 0;
    io_uring_prep_statx(&entry, AT_FDCWD, path_.c_str(), flags, STATX_BASIC_STATS, &raw_);
  } else {
    file_ = descriptor();  // kept: its handle may be gone when it comes to saying what failed
    io_uring_prep_statx(&entry, file_, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &raw_);
  }
}

std::string status_op::text() const { return of_path_ ? "statx " + path_ : on_descriptor("statx", file_); }

void status_op::describe(task_writer& out) const { out.text(text()); }

file_status status_op::await_resume() const {
  if (result() < 0) throw std::system_error(-result(), std::generic_category(), text());
  return file_status(raw_);
}

close_op::~close_op() = default;

bool close_op::await_suspend(waiter& who) {
  handle_->end_in_flight();
  closing_ = fd(handle_->release());
  if (!closing_) {
    set_result(0);
    return false;
  }
  return io_op::await_suspend(who);
}

void close_op::prepare(io_uring_sqe& entry) noexcept { io_uring_prep_close(&entry, closing_.number()); }

void close_op::describe(task_writer& out) const { out.text(on_descriptor("close", closing_.number())); }

void close_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (result == -ECANCELED) {
    closing_.reset();  // the kernel has not begun
  } else {
    closing_.release();  // after an error, too, it is closed
    owner().descriptor_was_closed();
  }
  io_op::completed(result, flags, more);
}

}  // namespace ringmill
