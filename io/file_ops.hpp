// The operations on files that io/ops.hpp does not have: several buffers at once, to the device, its length, its
// status, its end. As there: each is a small class; all throw std::system_error when they fail, and suspend unless they
// say otherwise.
#pragma once

#include <sys/stat.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/file_status.hpp>
#include <ringmill/io/io_op.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// preadv(2), or readv(2) at the file's own position if `offset` is -1: fills one buffer after the other; gives the
/// number of bytes, 0 at the end. Takes the first 1024 buffers (IOV_MAX); the list itself is copied.
class [[nodiscard]] RINGMILL_API read_vectored_op : public io_op {
 public:
  read_vectored_op(fd& file, std::span<const std::span<std::byte>> buffers, std::int64_t offset = -1);
  bool await_ready() const noexcept { return buffers_.empty(); }
  std::size_t await_resume() const { return static_cast<std::size_t>(result_or_throw("read")); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  std::vector<iovec> buffers_;
  std::int64_t offset_;
};

/// pwritev(2), or writev(2) at the file's own position if `offset` is -1, until all parts are written, however many.
/// The list itself is copied.
class [[nodiscard]] RINGMILL_API write_all_vectored_op : public io_op {
 public:
  write_all_vectored_op(fd& file, std::span<const std::span<const std::byte>> parts, std::int64_t offset = -1);
  bool await_ready() const noexcept { return first_ == parts_.size(); }
  void await_resume() const { result_or_throw("write"); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  void skip(std::size_t written) noexcept;
  std::vector<iovec> parts_;
  std::size_t first_ = 0;  ///< what lies before it is written
  std::int64_t offset_;
};

/// fsync(2), or fdatasync(2): comes back when the device has it. After an error nobody knows what it has.
class [[nodiscard]] RINGMILL_API sync_op : public io_op {
 public:
  enum class what : std::uint8_t { all, data };
  sync_op(fd& file, what to_write) noexcept : io_op(file), what_(to_write) {}
  void await_resume() const { result_or_throw(what_ == what::all ? "fsync" : "fdatasync"); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  what what_;
};

/// fallocate(2): the bytes from `offset` on have their place on the device afterwards; a file that is shorter grows.
class [[nodiscard]] RINGMILL_API preallocate_op : public io_op {
 public:
  preallocate_op(fd& file, std::int64_t offset, std::int64_t length) noexcept
      : io_op(file), offset_(offset), length_(length) {}
  void await_resume() const { result_or_throw("fallocate"); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  std::int64_t offset_;
  std::int64_t length_;
};

/// ftruncate(2): an operation of the ring from Linux 6.9 on. On older ones it does not suspend, and blocks the loop for
/// as long as the file system takes.
class [[nodiscard]] RINGMILL_API truncate_op : public io_op {
 public:
  truncate_op(fd& file, std::int64_t size) noexcept : io_op(file), size_(size) {}
  bool await_suspend(waiter& who);
  void await_resume() const { result_or_throw("ftruncate"); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  std::int64_t size_;
};

/// statx(2), of an open file or of a path.
class [[nodiscard]] RINGMILL_API status_op : public io_op {
 public:
  enum class symlinks : std::uint8_t { follow, keep };
  explicit status_op(fd& file) noexcept : io_op(file), of_path_(false) {}
  status_op(std::string path, symlinks last) noexcept : path_(std::move(path)), last_(last) {}
  file_status await_resume() const;

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  std::string text() const;
  bool of_path_ = true;
  int file_ = -1;  ///< the open file's, from `prepare` on
  std::string path_;
  symlinks last_ = symlinks::follow;
  struct ::statx raw_ {};
};

/// close(2), which may report an error of an earlier write. What is in flight on the handle is ended first, as by its
/// destructor. From its start on the handle owns nothing, and the descriptor is closed whatever comes of this
/// operation: error, cancel. Of a handle that owns nothing it does nothing.
class [[nodiscard]] RINGMILL_API close_op : public io_op {
 public:
  explicit close_op(fd& handle) noexcept : handle_(&handle) {}
  close_op(close_op&&) noexcept = default;
  ~close_op() override;
  bool await_suspend(waiter& who);
  void await_resume() const { result_or_throw("close"); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  fd* handle_;
  fd closing_;
};

}  // namespace ringmill
