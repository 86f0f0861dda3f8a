// Reading and writing what may be anything: a pipe, a terminal, a file that somebody else opened.
//
// Two things set these apart from `read_op` and `write_all_op`. The descriptor may be shared with other processes,
// which see it when it is set to O_NONBLOCK, and may have done that themselves: it is left as it is, and where the
// kernel says "not now" it is asked when. And a pipe whose reader has gone raises SIGPIPE, which ends the process: here
// it does not.
//
// Before Linux 6.18 such a write is a poll and a handful of system calls; before 6.4 that of a blocking pipe, and of a
// terminal, takes a worker thread of the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/io_op.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

namespace detail {
/// Does the kernel know a write without SIGPIPE (Linux 6.18)? The first write finds out. Tests set it.
RINGMILL_API bool writes_without_signal() noexcept;
RINGMILL_API void set_writes_without_signal(bool on) noexcept;
}  // namespace detail

/// read(2) as soon as there is something: gives the number of bytes, 0 at the end. An empty buffer gives 0 without
/// asking.
class [[nodiscard]] RINGMILL_API stream_read_op : public io_op {
 public:
  stream_read_op(fd& source, std::span<std::byte> buffer) noexcept : io_op(source), buffer_(buffer) {}
  /// Of a descriptor that somebody else owns, and keeps open until it has ended.
  stream_read_op(int source, std::span<std::byte> buffer) noexcept : source_(source), buffer_(buffer) {}
  bool await_ready() const noexcept { return buffer_.empty(); }
  std::size_t await_resume() const { return static_cast<std::size_t>(result_or_throw("read")); }

 protected:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  /// Before it is started: where to.
  void read_into(std::span<std::byte> buffer) noexcept { buffer_ = buffer; }

 private:
  int source_ = -1;     ///< of somebody else
  bool polls_ = false;  ///< it asks when, since there was nothing
  std::span<std::byte> buffer_;
};

/// write(2) until all is written, without SIGPIPE: a reader that has gone is std::errc::broken_pipe.
class [[nodiscard]] RINGMILL_API stream_write_all_op : public io_op {
 public:
  stream_write_all_op(fd& sink, std::span<const std::byte> data) noexcept
      : io_op(sink), polls_(!detail::writes_without_signal()), rest_(data) {}
  /// To a descriptor that somebody else owns, and keeps open until it has ended.
  stream_write_all_op(int sink, std::span<const std::byte> data) noexcept
      : sink_(sink), polls_(!detail::writes_without_signal()), rest_(data) {}
  bool await_ready() const noexcept { return rest_.empty(); }
  void await_resume() const { result_or_throw("write"); }

 protected:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;

 private:
  int sink_ = -1;                ///< of somebody else
  bool polls_;                   ///< it asks when
  bool asks_no_signal_ = false;  ///< the write that is under way; other writes may find out meanwhile what is known
  std::span<const std::byte> rest_;
};

}  // namespace ringmill
