#include <ringmill/io/splice.hpp>

#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/detail/op_text.hpp>

namespace ringmill {

void splice_op::prepare(io_uring_sqe& entry) noexcept {
  io_uring_prep_splice(&entry, from_->number(), from_offset_, to_->number(), to_offset_, detail::entry_length(count_),
                       SPLICE_F_MOVE | (more_ ? unsigned{SPLICE_F_MORE} : 0U));
}

void splice_op::describe(task_writer& out) const {
  out.text("splice from fd " + std::to_string(from_->number()) + " to fd " + std::to_string(to_->number()));
}

namespace {

/// From a regular file into a pipe that is empty: that never waits for long, so the file may know of it.
class fill_op : public splice_op {
 public:
  fill_op(file& from, std::uint64_t offset, pipe_writer& to, std::size_t count) noexcept
      : splice_op(from.handle(), from.handle(), static_cast<std::int64_t>(offset), to.handle(), own_position, count) {}
};

/// Takes bytes from a file to elsewhere, through a pipe of its own.
class file_mover {
 public:
  file_mover(file& from, fd& to) : from_(from), to_(to) {
    std::tie(reader_, writer_) = make_pipe();
    // A larger one may be refused, to users who have many: then it is the usual one of 64 KiB.
    const int capacity = detail::files().pipe_capacity(writer_.native_handle(), 1 << 20);
    capacity_ = static_cast<std::size_t>(std::max(capacity, 4096));
  }

  /// Moves up to `count` bytes, to `to_offset` of the target or where it takes them. 0: the file has ended.
  task<std::size_t> move(std::uint64_t offset, std::uint64_t count, std::int64_t to_offset) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(count, capacity_));
    const std::size_t filled = co_await fill_op(from_, offset, writer_, most);
    for (std::size_t left = filled; left > 0;) {
      splice_op drain(reader_.handle(), splice_op::own_position, to_, to_offset, left);
      drain.more(count > filled);
      const std::size_t moved = co_await std::move(drain);
      if (moved == 0) throw std::system_error(EIO, std::generic_category(), "splice: nothing was taken");
      if (to_offset >= 0) to_offset += static_cast<std::int64_t>(moved);
      left -= moved;
    }
    co_return filled;
  }

 private:
  file& from_;
  fd& to_;
  pipe_reader reader_;
  pipe_writer writer_;
  std::size_t capacity_ = 0;
};

task<std::uint64_t> copy_by_reads(file& from, file& to) {
  std::vector<std::byte> buffer(std::size_t{256} << 10);
  std::uint64_t copied = 0;
  while (const std::size_t got = co_await from.read_at(buffer, copied)) {
    co_await to.write_all_at(std::span(buffer).first(got), copied);
    copied += got;
  }
  co_return copied;
}

}  // namespace

task<std::uint64_t> send_file(tcp_stream& to, file& from, std::uint64_t offset, std::uint64_t count) {
  const std::uint64_t size = co_await from.size();
  if (offset >= size) co_return 0;
  count = std::min(count, size - offset);
  file_mover mover(from, to.handle());
  std::uint64_t sent = 0;
  while (sent < count) {
    const std::size_t moved = co_await mover.move(offset + sent, count - sent, splice_op::own_position);
    if (moved == 0) break;  // it has become shorter
    sent += moved;
  }
  co_return sent;
}

task<std::uint64_t> copy_file(file& from, file& to) {
  std::uint64_t copied = 0;
  bool can_splice = true;
  try {
    file_mover mover(from, to.handle());
    while (const std::size_t moved = co_await mover.move(copied, to_the_end, static_cast<std::int64_t>(copied))) {
      copied += moved;
    }
  } catch (const std::system_error& error) {
    can_splice = copied > 0 || error.code() != std::errc::invalid_argument;
    if (can_splice) throw;
  }
  if (!can_splice) copied = co_await copy_by_reads(from, to);
  co_return copied;
}

}  // namespace ringmill
