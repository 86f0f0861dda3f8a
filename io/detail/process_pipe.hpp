// The parent's ends of a child's standard streams.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

/// Writes all of `data` to a pipe that does not block, as it takes it. A reader that has gone is EPIPE and no SIGPIPE,
/// which an operation of the ring would raise (before Linux 6.18, and there it has to be asked not to).
class [[nodiscard]] RINGMILL_API pipe_write_all_op : public poll_op {
 public:
  pipe_write_all_op(fd& pipe, std::span<const std::byte> data) noexcept;
  bool await_ready() const noexcept { return rest_.empty(); }
  void await_resume() const;

 private:
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  int write_some() noexcept;

  int pipe_;
  std::span<const std::byte> rest_;
};

/// Leads to a child's standard input.
class RINGMILL_API process_input {
 public:
  process_input() noexcept = default;
  /// `pipe` must have O_NONBLOCK.
  explicit process_input(fd pipe) noexcept : pipe_(std::move(pipe)) {}

  /// co_await it: comes back when the pipe has taken all of `data`; when it was cancelled, a part may have been
  /// written. Throws std::errc::broken_pipe when the child reads no more. One task may write at a time.
  pipe_write_all_op write_all(std::span<const std::byte> data) noexcept { return pipe_write_all_op(pipe_, data); }
  pipe_write_all_op write_all(std::string_view text) noexcept { return write_all(std::as_bytes(std::span(text))); }
  /// The child reads the end. Does not suspend.
  void close() noexcept { pipe_.reset(); }

  int native_handle() const noexcept { return pipe_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(pipe_); }

 private:
  fd pipe_;
};

/// Comes from a child's standard output or standard error.
class RINGMILL_API process_output {
 public:
  process_output() noexcept = default;
  explicit process_output(fd pipe) noexcept : pipe_(std::move(pipe)) {}

  /// co_await it: gives the number of bytes read, as soon as there is one; 0 is the end: the child, and whatever it has
  /// started with this stream, has closed it or has ended.
  read_op read_some(std::span<std::byte> buffer) noexcept { return read_op(pipe_, buffer); }
  /// What the child writes from now on fails. Does not suspend.
  void close() noexcept { pipe_.reset(); }

  int native_handle() const noexcept { return pipe_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(pipe_); }

 private:
  fd pipe_;
};

}  // namespace ringmill::detail
