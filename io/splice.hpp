// Bytes that go from one descriptor to another without coming into this process: splice(2), and what is built on it.
//
//   rm::file page = co_await rm::file::open("index.html");
//   co_await rm::send_file(client, page);
//
// The kernel does it on worker threads of its own, so that the loop is free meanwhile. A chunk costs two round trips to
// such a thread, about 20 us: for a few KiB a read and a write are faster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/file.hpp>
#include <ringmill/io/io_op.hpp>
#include <ringmill/io/pipe.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

/// splice(2) once: at least one of both ends is a pipe. Gives the number of bytes, as soon as some were moved; 0 at the
/// end of the source. It waits for bytes, and for room. The end that it moves bytes to knows of it, and closing that
/// ends it; the other one must stay open, and where it is, until it has ended. A sink that has gone is
/// std::errc::broken_pipe, without SIGPIPE.
class [[nodiscard]] RINGMILL_API splice_op : public io_op {
 public:
  static constexpr std::int64_t own_position = -1;  ///< of what has none, too: pipes, sockets
  splice_op(fd& from, std::int64_t from_offset, fd& to, std::int64_t to_offset, std::size_t count) noexcept
      : splice_op(to, from, from_offset, to, to_offset, count) {}

  /// A hint: more bytes for this socket are coming at once, so it need not send a packet that is not full.
  splice_op& more(bool coming) noexcept { return more_ = coming, *this; }
  std::size_t await_resume() const { return static_cast<std::size_t>(result_or_throw("splice")); }

 protected:
  /// `known_to` is the end that knows of it.
  splice_op(fd& known_to, fd& from, std::int64_t from_offset, fd& to, std::int64_t to_offset,
            std::size_t count) noexcept
      : io_op(known_to), from_(&from), to_(&to), from_offset_(from_offset), to_offset_(to_offset), count_(count) {}

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  fd* from_;
  fd* to_;
  std::int64_t from_offset_;
  std::int64_t to_offset_;
  std::size_t count_;
  bool more_ = false;
};

/// co_await one of these: moves up to `count` bytes, as said above. What comes from a file is not copied: if the file
/// is changed before they have left the pipe, it may be the new bytes that arrive.
inline splice_op splice(pipe_reader& from, tcp_stream& to, std::size_t count) noexcept {
  return splice_op(from.handle(), splice_op::own_position, to.handle(), splice_op::own_position, count);
}
inline splice_op splice(tcp_stream& from, pipe_writer& to, std::size_t count) noexcept {
  return splice_op(from.handle(), splice_op::own_position, to.handle(), splice_op::own_position, count);
}
inline splice_op splice(pipe_reader& from, pipe_writer& to, std::size_t count) noexcept {
  return splice_op(from.handle(), splice_op::own_position, to.handle(), splice_op::own_position, count);
}
/// With a file the bytes are those at its own position, which moves.
inline splice_op splice(pipe_reader& from, file& to, std::size_t count) noexcept {
  return splice_op(from.handle(), splice_op::own_position, to.handle(), splice_op::own_position, count);
}
inline splice_op splice(file& from, pipe_writer& to, std::size_t count) noexcept {
  return splice_op(from.handle(), splice_op::own_position, to.handle(), splice_op::own_position, count);
}

inline constexpr std::uint64_t to_the_end = std::numeric_limits<std::uint64_t>::max();

/// co_await it: sends up to `count` bytes of `from`, from `offset` on, and gives how many: fewer if the file ends
/// before. The position of the file is not used. `from` must be a regular file or a block device. When it fails or is
/// cancelled, a part may have been sent. What was changed in the file before the peer has acknowledged it may arrive as
/// changed.
RINGMILL_API task<std::uint64_t> send_file(tcp_stream& to, file& from, std::uint64_t offset = 0,
                                           std::uint64_t count = to_the_end);

/// co_await it: copies all of `from` to the beginning of `to`, and gives the number of bytes; what `to` has beyond them
/// stays. Their positions are not used. When it fails or is cancelled, a part may have been written.
///
/// By splice through a pipe, which was as fast as cp(1) and leaves the loop free (1 GiB on ext4, best of seven: 0.25 s;
/// cp 0.39 s; four reads and writes of 256 KiB at a time 0.56 s; copy_file_range(2), which has no operation of the ring
/// and would block the loop, 0.27 s). Where the kernel cannot (/proc, a target open for appending) by reads and writes.
RINGMILL_API task<std::uint64_t> copy_file(file& from, file& to);

}  // namespace ringmill
