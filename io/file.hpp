// Files.
//
//   rm::file log = co_await rm::file::open("events.log", rm::file_options::write_only().create().append());
//   co_await log.write_all("started\n");
//   co_await log.sync_data();
//   co_await log.close();
//
//   const std::string text = co_await rm::read_file("settings.json");
//   co_await rm::write_file_atomically("settings.json", changed(text));
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/file_ops.hpp>
#include <ringmill/io/file_status.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

/// How to open a file: for what, and what to do when there is one already, or none.
class RINGMILL_API file_options {
 public:
  static file_options read_only() noexcept { return file_options(access::read); }
  static file_options write_only() noexcept { return file_options(access::write); }
  static file_options read_write() noexcept { return file_options(access::both); }

  /// Makes the file if there is none.
  file_options& create() noexcept { return create_ = true, *this; }
  /// Makes the file, and fails with std::errc::file_exists if there is one, or a symbolic link of that name.
  file_options& create_new() noexcept { return create_ = new_ = true, *this; }
  /// Throws away what is in it. Not with `read_only`.
  file_options& truncate() noexcept { return truncate_ = true, *this; }
  /// Every write goes to the end, whatever its offset says: also `write_all_at` on Linux. Not with `read_only`.
  file_options& append() noexcept { return append_ = true, *this; }
  /// The permissions of a file that is made, less the process's umask; 0666 by default.
  file_options& mode(unsigned permissions) noexcept { return mode_ = permissions, *this; }

  unsigned mode() const noexcept { return mode_; }
  /// As open(2) takes them. Throws std::invalid_argument for what makes no sense together.
  int flags() const;

 private:
  enum class access : std::uint8_t { read, write, both };
  explicit file_options(access what) noexcept : access_(what) {}

  access access_;
  bool create_ = false;
  bool new_ = false;
  bool truncate_ = false;
  bool append_ = false;
  unsigned mode_ = 0666;
};

/// An open file. Move-only; closed when it dies. It must not move while an operation on it is in flight. Buffers belong
/// to the kernel until the operation on them has ended; sizes and offsets are bytes.
///
/// It has a position, which `read_some`, `write_all` and their vectored forms use and move: one of those at a time. The
/// operations with an offset do not touch it, and any number of them may be in flight at once. An offset beyond 2^63-1
/// throws std::invalid_argument.
///
/// A write is carried on until all is written. One that fails or is cancelled may have written a part.
class RINGMILL_API file {
 public:
  class [[nodiscard]] open_awaiter;

  file() noexcept = default;
  /// Takes an open descriptor over.
  explicit file(fd opened) noexcept : fd_(std::move(opened)) {}

  /// co_await it: gives the open file, which children of this process do not inherit. Errors name the path. A fifo may
  /// be opened for reading without waiting for a writer: until there is one, its reads give 0. Opening one for writing
  /// without a reader fails with std::errc::no_such_device_or_address; with `create` it waits for one. Throws
  /// std::invalid_argument for options that make no sense together, and for a zero byte in the path.
  static open_awaiter open(std::string path, const file_options& options = file_options::read_only());

  /// co_await it: gives the number of bytes read, which may be fewer than there is room for; 0 at the end.
  read_op read_some(std::span<std::byte> buffer) noexcept { return read_op(fd_, buffer); }
  read_op read_at(std::span<std::byte> buffer, std::uint64_t offset) { return read_op(fd_, buffer, checked(offset)); }
  /// The same, into one buffer after the other (the first 1024 of them). The list of buffers need not stay.
  read_vectored_op read_vectored(std::span<const std::span<std::byte>> buffers) {
    return read_vectored_op(fd_, buffers);
  }
  read_vectored_op read_vectored_at(std::span<const std::span<std::byte>> buffers, std::uint64_t offset) {
    return read_vectored_op(fd_, buffers, checked(offset));
  }

  /// co_await it: comes back when all of it is written, to the kernel's memory: see `sync`.
  write_all_op write_all(std::span<const std::byte> data) noexcept { return write_all_op(fd_, data); }
  write_all_op write_all(std::string_view text) noexcept { return write_all(std::as_bytes(std::span(text))); }
  write_all_op write_all_at(std::span<const std::byte> data, std::uint64_t offset) {
    return write_all_op(fd_, data, checked(offset));
  }
  write_all_op write_all_at(std::string_view text, std::uint64_t offset) {
    return write_all_at(std::as_bytes(std::span(text)), offset);
  }
  /// The same, of one part after the other, however many. The list of parts need not stay.
  write_all_vectored_op write_all_vectored(std::span<const std::span<const std::byte>> parts) {
    return write_all_vectored_op(fd_, parts);
  }
  write_all_vectored_op write_all_vectored_at(std::span<const std::span<const std::byte>> parts, std::uint64_t offset) {
    return write_all_vectored_op(fd_, parts, checked(offset));
  }

  /// co_await it: comes back when all that was written is on the device (fsync(2)), its length and times included. An
  /// error tells that something was lost, and tells it once. A new file's name is in its directory: see
  /// `sync_directory`.
  sync_op sync() noexcept { return sync_op(fd_, sync_op::what::all); }
  /// The same without what is not needed to read the data again (fdatasync(2)).
  sync_op sync_data() noexcept { return sync_op(fd_, sync_op::what::data); }

  /// co_await it: gives what statx(2) says of it.
  status_op status() noexcept { return status_op(fd_); }
  /// co_await it: gives its length.
  task<std::uint64_t> size();

  /// co_await it: makes it `size` bytes long; new bytes are zero. Before Linux 6.9 it does not suspend, and blocks the
  /// loop for as long as the file system takes. The position stays where it is.
  truncate_op truncate(std::uint64_t size) { return truncate_op(fd_, checked(size)); }
  /// co_await it: later writes to these bytes will not lack space; a file that is shorter grows. Fails with
  /// std::errc::operation_not_supported where the file system cannot do it (fallocate(2)).
  preallocate_op preallocate(std::uint64_t offset, std::uint64_t length) {
    return preallocate_op(fd_, checked(offset), checked(length));
  }

  /// co_await it: closes it and throws what the kernel reports then, such as an earlier write that failed on a network
  /// file system. What other tasks have in flight on it is ended first and gets std::errc::operation_canceled.
  close_op close() noexcept { return close_op(fd_); }

  int native_handle() const noexcept { return fd_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  /// The handle, for operations of one's own.
  fd& handle() noexcept { return fd_; }

 private:
  static std::int64_t checked(std::uint64_t value);
  fd fd_;
};

class file::open_awaiter : public open_op {
 public:
  using open_op::open_op;
  file await_resume() { return file(open_op::await_resume()); }
};

/// co_await it: all of a file, files of /proc and other ones without a size included. One that has more than `limit`
/// bytes is std::errc::file_too_large.
RINGMILL_API task<std::string> read_file(std::string path, std::size_t limit = std::size_t{1} << 30);

/// co_await it: whoever opens `path`, be it after a crash, finds the old contents or the new ones, and never a part.
/// They are written to a new file beside it, which is synced and takes its name; the directory is synced, too. It has
/// the permissions `mode` (less the umask), not those of the file that it replaces; a symbolic link is replaced, not
/// followed. When this is cancelled or fails, the new file is removed again; if that was right at the end, it is there
/// already.
RINGMILL_API task<> write_file_atomically(std::string path, std::string data, unsigned mode = 0666);

/// co_await it: names that were made, changed or removed in the directory `path` are on the device.
RINGMILL_API task<> sync_directory(std::string path);

}  // namespace ringmill
