// The seam: what a ring needs from whoever stands behind it.
//
// The io_uring ABI is data: submission entries (SQEs) in, completion entries (CQEs) out. `ring` owns the use of the two
// arrays; a `kernel` gives them, takes what was submitted when it is entered, and answers a handful of control calls.
// `real_kernel` is Linux; a simulated one interprets the same entries. Everything above is the same code on both.
// The calls on files, processes and signals are in io/kernel_calls.hpp.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <optional>

#include <ringmill/io/kernel_calls.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/driver.hpp>

struct io_uring_buf_ring;
struct io_uring_sqe;
struct io_uring_cqe;

namespace ringmill {

/// The two arrays, as io_uring_setup(2) lays them out. Heads and tails run free; `mask` gives the index.
struct ring_arrays {
  unsigned* sq_head = nullptr;
  unsigned* sq_tail = nullptr;
  unsigned* sq_flags = nullptr;
  unsigned sq_entries = 0;
  io_uring_sqe* sqes = nullptr;
  unsigned* cq_head = nullptr;
  unsigned* cq_tail = nullptr;
  unsigned cq_entries = 0;
  io_uring_cqe* cqes = nullptr;
};

/// Results of all calls: zero or more on success, a negated errno else.
class kernel {
 public:
  virtual ~kernel() = default;

  virtual const ring_arrays& arrays() const noexcept = 0;
  virtual time_point now() noexcept = 0;
  /// The time of day, since 1970-01-01 00:00 UTC, at the last tick of Linux: up to 10 ms ago. It may be set back.
  virtual duration wall_clock() noexcept = 0;
  /// Fills `bytes` with what nobody can foresee; a simulated kernel gives the same again for the same seed.
  virtual int random(void* bytes, std::size_t size) = 0;

  virtual file_calls& files() noexcept = 0;
  virtual process_calls& processes() noexcept = 0;
  virtual ipc_calls& ipc() noexcept = 0;

  /// One io_uring_enter(2): submits `to_submit` entries, and collects completions; with `wait` blocks until there is
  /// one or `timeout` is over (-ETIME). The number of entries taken, which may be fewer.
  virtual int enter(unsigned to_submit, bool wait, std::optional<duration> timeout) = 0;

  /// From any thread: something becomes readable on `wake_descriptor`.
  virtual void wake() noexcept = 0;
  /// Eight bytes can be read from it after each wake, with an operation of this kernel.
  virtual int wake_descriptor() const noexcept = 0;
  /// Becomes readable, to poll(2) and its kind, when completions have come, until it is cleared; for loops that are not
  /// ours. Made by the first call, which throws std::system_error if that fails.
  virtual int poll_descriptor() = 0;
  virtual void clear_poll_descriptor() noexcept = 0;

  virtual bool supports(unsigned opcode) const noexcept = 0;

  /// IORING_REGISTER_PBUF_RING: receives may take their buffer from `ring`, which has `entries` entries, a power of
  /// two.
  virtual int register_buffer_ring(io_uring_buf_ring* ring, unsigned entries, unsigned group) = 0;
  virtual int unregister_buffer_ring(unsigned group) noexcept = 0;

  virtual int socket(int domain, int type, int protocol) = 0;
  /// Two that are connected to each other, into ends[0] and ends[1].
  virtual int socket_pair(int domain, int type, int protocol, int* ends) = 0;
  virtual int bind(int fd, const sockaddr* address, socklen_t length) = 0;
  virtual int listen(int fd, int backlog) = 0;
  /// Of a socket with SOCK_NONBLOCK, for a look whether anybody is there; and to AF_UNSPEC, which resets a connection
  /// at once. Else connecting is an operation.
  virtual int connect(int fd, const sockaddr* address, socklen_t length) = 0;
  virtual int set_option(int fd, int level, int option, const void* value, socklen_t length) = 0;
  virtual int get_option(int fd, int level, int option, void* value, socklen_t* length) = 0;
  virtual int local_address(int fd, sockaddr* address, socklen_t* length) = 0;
  virtual int peer_address(int fd, sockaddr* address, socklen_t* length) = 0;
  virtual int shutdown(int fd, int how) = 0;
  virtual int close(int fd) noexcept = 0;
};

/// How to set up a ring. Sizes are rounded up to powers of two by the kernel.
class ring_options {
 public:
  ring_options() noexcept {}
  /// Submission entries, 512 by default; what does not fit waits in a list, nothing is lost.
  ring_options& entries(unsigned count) noexcept { return entries_ = count, *this; }
  /// Completion entries, 4096 by default; an overflow is kept by the kernel and collected later.
  ring_options& completion_entries(unsigned count) noexcept { return completion_entries_ = count, *this; }

  /// Lets the kernel refuse every operation that ringmill has no use for; off by default. What could make it misuse the
  /// ring, a bug or a library in the same process, then finds no open door beyond these.
  ring_options& strict(bool on = true) noexcept { return strict_ = on, *this; }

  unsigned entries() const noexcept { return entries_; }
  unsigned completion_entries() const noexcept { return completion_entries_; }
  bool is_strict() const noexcept { return strict_; }

 private:
  unsigned entries_ = 512;
  unsigned completion_entries_ = 4096;
  bool strict_ = false;
};

/// Linux. Belongs to the thread that makes it. Throws std::system_error which says why io_uring is not to be had (too
/// old, switched off by the sysctl, blocked by seccomp, RLIMIT_MEMLOCK) and what to do.
RINGMILL_API std::unique_ptr<kernel> make_real_kernel(const ring_options& options = ring_options());

}  // namespace ringmill
