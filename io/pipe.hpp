// Pipes, and the three streams that every process starts with.
//
//   auto [reader, writer] = rm::make_pipe();
//   co_await writer.write_all("a line\n");
//
//   std::array<std::byte, 4096> buffer;
//   while (const std::size_t n = co_await rm::standard_input().read_some(buffer)) {
//     co_await rm::standard_output().write_all(std::span(buffer).first(n));
//   }
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/stream_ops.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// The end of a pipe that is read. Move-only; closed when it dies. One read at a time; it must not move while one is in
/// flight. A read that is cancelled takes nothing out.
class pipe_reader {
 public:
  pipe_reader() noexcept = default;
  /// Takes a descriptor over: a pipe that another process gave, a fifo, a terminal. Its flags stay as they are.
  explicit pipe_reader(fd reading_end) noexcept : fd_(std::move(reading_end)) {}

  /// co_await it: gives the number of bytes read, as soon as there is one; 0 when every writer has closed.
  stream_read_op read_some(std::span<std::byte> buffer) noexcept { return stream_read_op(fd_, buffer); }

  /// Closes it, in the way of `fd::reset`: writers get std::errc::broken_pipe from now on. Does not suspend.
  void close() noexcept { fd_.reset(); }
  int native_handle() const noexcept { return fd_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  /// The handle, for operations of one's own.
  fd& handle() noexcept { return fd_; }

 private:
  fd fd_;
};

/// The end of a pipe that is written. Move-only; closed when it dies. One write at a time; it must not move while one
/// is in flight.
class pipe_writer {
 public:
  pipe_writer() noexcept = default;
  /// Takes a descriptor over, whose flags stay as they are.
  explicit pipe_writer(fd writing_end) noexcept : fd_(std::move(writing_end)) {}

  /// co_await it: comes back when all of `data` is in the pipe. A reader that has gone is std::errc::broken_pipe,
  /// without SIGPIPE. When it was cancelled, a part may be in the pipe.
  stream_write_all_op write_all(std::span<const std::byte> data) noexcept { return stream_write_all_op(fd_, data); }
  stream_write_all_op write_all(std::string_view text) noexcept { return write_all(std::as_bytes(std::span(text))); }

  /// Closes it, in the way of `fd::reset`: the reader comes to the end. Does not suspend.
  void close() noexcept { fd_.reset(); }
  int native_handle() const noexcept { return fd_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  /// The handle, for operations of one's own.
  fd& handle() noexcept { return fd_; }

 private:
  fd fd_;
};

/// pipe2(2): both ends, which children of this process do not inherit unless they are given to them. The kernel keeps
/// 64 KiB between them. Does not suspend. Throws std::system_error.
[[nodiscard]] RINGMILL_API std::pair<pipe_reader, pipe_writer> make_pipe();

/// Standard input: a terminal, a file, a pipe. Owns nothing, so it may be copied and thrown away at will, and its
/// descriptor stays open. O_NONBLOCK, which all processes that share it would see, is left as it is. One read at a
/// time.
class input_stream {
 public:
  explicit input_stream(int descriptor) noexcept : descriptor_(descriptor) {}
  /// co_await it: gives the number of bytes read, as soon as there is one (a terminal gives lines); 0 at the end.
  stream_read_op read_some(std::span<std::byte> buffer) const noexcept { return stream_read_op(descriptor_, buffer); }
  int native_handle() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

/// Standard output or error: the same for writing. Two writes at the same time may mix. What `printf` and `std::cout`
/// have in their own buffers comes when those are flushed.
class output_stream {
 public:
  explicit output_stream(int descriptor) noexcept : descriptor_(descriptor) {}
  /// co_await it: comes back when all is written. A reader that has gone is std::errc::broken_pipe, without SIGPIPE.
  /// When it was cancelled, a part may be written.
  stream_write_all_op write_all(std::span<const std::byte> data) const noexcept {
    return stream_write_all_op(descriptor_, data);
  }
  stream_write_all_op write_all(std::string_view text) const noexcept {
    return write_all(std::as_bytes(std::span(text)));
  }
  int native_handle() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

inline input_stream standard_input() noexcept { return input_stream(0); }
inline output_stream standard_output() noexcept { return output_stream(1); }
inline output_stream standard_error() noexcept { return output_stream(2); }

}  // namespace ringmill
