// One small class per operation: what it asks of the kernel, and what its result means. Nothing clever here.
//
// Buffers and everything else that is pointed to belong to the kernel from the await until it comes back. All of them
// suspend; all throw std::system_error when the operation fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <ringmill/io/address.hpp>
#include <ringmill/io/fd.hpp>
#include <ringmill/io/io_op.hpp>
#include <ringmill/io/unix_address.hpp>
#include <ringmill/runtime/config.hpp>

struct msghdr;

namespace ringmill {

/// recv(2): gives the number of bytes, 0 at the end of the stream. An empty buffer gives 0 without asking.
class [[nodiscard]] RINGMILL_API receive_op : public io_op {
 public:
  receive_op(fd& socket, std::span<std::byte> buffer) noexcept : io_op(socket), buffer_(buffer) {}
  bool await_ready() const noexcept { return buffer_.empty(); }
  std::size_t await_resume() const { return static_cast<std::size_t>(result_or_throw("receive")); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  std::span<std::byte> buffer_;
};

/// Has a socket anything to tell, be it bytes, its end, or an error? Takes nothing and does not wait for it.
class [[nodiscard]] RINGMILL_API has_input_op : public io_op {
 public:
  explicit has_input_op(fd& socket) noexcept : io_op(socket) {}
  bool await_resume() const noexcept;

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  std::byte peeked_{};
};

/// send(2) until all bytes are accepted by the kernel, without SIGPIPE.
class [[nodiscard]] RINGMILL_API send_all_op : public io_op {
 public:
  send_all_op(fd& socket, std::span<const std::byte> data) noexcept : io_op(socket), rest_(data) {}
  bool await_ready() const noexcept { return rest_.empty(); }
  void await_resume() const { result_or_throw("send"); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  std::span<const std::byte> rest_;
};

/// accept4(2) with SOCK_CLOEXEC: gives the new socket. Goes on by itself when a client has given up already, or its
/// network has; and when there is no descriptor or memory for another: clients wait in the backlog meanwhile, and it is
/// tried again when a descriptor is closed, or after 10 to 80 ms.
class [[nodiscard]] RINGMILL_API accept_op : public io_op {
 public:
  explicit accept_op(fd& listener) noexcept : io_op(listener) {}
  accept_op(accept_op&&) noexcept = default;
  ~accept_op() override;
  fd await_resume();

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  fd accepted_;
};

/// connect(2) of a socket that it is given and gives back, to an `address` or a `unix_address`.
template <class Address>
class [[nodiscard]] RINGMILL_API basic_connect_op : public io_op {
 public:
  basic_connect_op(fd socket, const Address& peer) noexcept : socket_(std::move(socket)), peer_(peer) {}
  basic_connect_op(basic_connect_op&&) noexcept = default;
  ~basic_connect_op() override;
  fd await_resume();

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  fd socket_;
  Address peer_;
};
using connect_op = basic_connect_op<address>;
using connect_unix_op = basic_connect_op<unix_address>;
extern template class basic_connect_op<address>;
extern template class basic_connect_op<unix_address>;

/// pread(2), or read(2) at the file's own position if `offset` is -1: gives the number of bytes, 0 at the end.
class [[nodiscard]] RINGMILL_API read_op : public io_op {
 public:
  read_op(fd& file, std::span<std::byte> buffer, std::int64_t offset = -1) noexcept
      : io_op(file), buffer_(buffer), offset_(offset) {}
  /// Of a descriptor that somebody else owns, and keeps open until it has ended.
  read_op(int file, std::span<std::byte> buffer, std::int64_t offset = -1) noexcept
      : file_(file), buffer_(buffer), offset_(offset) {}
  std::size_t await_resume() const { return static_cast<std::size_t>(result_or_throw("read")); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  int file_ = -1;  ///< of somebody else
  std::span<std::byte> buffer_;
  std::int64_t offset_;
};

/// pwrite(2), or write(2) at the file's own position if `offset` is -1, until all is written. Not for sockets.
class [[nodiscard]] RINGMILL_API write_all_op : public io_op {
 public:
  write_all_op(fd& file, std::span<const std::byte> data, std::int64_t offset = -1) noexcept
      : io_op(file), rest_(data), offset_(offset) {}
  /// To a descriptor that somebody else owns, and keeps open until it has ended.
  write_all_op(int file, std::span<const std::byte> data, std::int64_t offset = -1) noexcept
      : file_(file), rest_(data), offset_(offset) {}
  bool await_ready() const noexcept { return rest_.empty(); }
  void await_resume() const { result_or_throw("write"); }

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  int file_ = -1;  ///< of somebody else
  std::span<const std::byte> rest_;
  std::int64_t offset_;
};

/// openat(2): gives the descriptor (with O_CLOEXEC).
class [[nodiscard]] RINGMILL_API open_op : public io_op {
 public:
  open_op(std::string path, int flags, unsigned mode) noexcept : path_(std::move(path)), flags_(flags), mode_(mode) {}
  open_op(open_op&&) noexcept = default;
  ~open_op() override;
  fd await_resume();

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  std::string path_;
  int flags_;
  unsigned mode_;
  fd opened_;
};

/// poll(2) once: gives the events that came, of `events` (POLLIN...). The way to wait for a foreign descriptor.
class [[nodiscard]] RINGMILL_API poll_op : public io_op {
 public:
  poll_op(fd& handle, short events) noexcept : io_op(handle), events_(events) {}
  /// Of a descriptor that somebody else owns, and keeps open until it has ended.
  poll_op(int descriptor, short events) noexcept : descriptor_(descriptor), events_(events) {}
  short await_resume() const { return static_cast<short>(result_or_throw("poll")); }

 protected:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;

 private:
  int descriptor_ = -1;  ///< of somebody else
  short events_;
};

/// recvmsg(2), descriptors included: gives the number of bytes. `message` and all that it points to must stay.
class [[nodiscard]] RINGMILL_API receive_message_op : public io_op {
 public:
  receive_message_op(fd& socket, msghdr& message, unsigned flags = 0) noexcept
      : io_op(socket), message_(&message), flags_(flags) {}
  std::size_t await_resume() const { return static_cast<std::size_t>(result_or_throw("recvmsg")); }

 protected:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;

 private:
  msghdr* message_;
  unsigned flags_;
};

/// sendmsg(2), without SIGPIPE: gives the number of bytes. `message` and all that it points to must stay.
class [[nodiscard]] RINGMILL_API send_message_op : public io_op {
 public:
  send_message_op(fd& socket, const msghdr& message, unsigned flags = 0) noexcept
      : io_op(socket), message_(&message), flags_(flags) {}
  std::size_t await_resume() const { return static_cast<std::size_t>(result_or_throw("sendmsg")); }

 protected:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;

 private:
  const msghdr* message_;
  unsigned flags_;
};

/// Waits until `word` is woken while it holds `expected` (FUTEX_WAIT on shared memory, Linux 6.7). Comes back at once
/// when it holds something else. Ask `ring.backend().supports(futex_wait_op::opcode)` first.
class [[nodiscard]] RINGMILL_API futex_wait_op : public io_op {
 public:
  static constexpr unsigned opcode = 51;  ///< IORING_OP_FUTEX_WAIT, which the headers of Linux 6.1 do not know
  futex_wait_op(const std::uint32_t* word, std::uint32_t expected) noexcept : word_(word), expected_(expected) {}
  void await_resume() const;

 protected:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  /// For an operation that is started again: what to wait for next.
  void expect(std::uint32_t value) noexcept { expected_ = value; }

 private:
  const std::uint32_t* word_;
  std::uint32_t expected_;
};

}  // namespace ringmill
