// The calls of a kernel (io/kernel.hpp) on files, processes, signals and shared memory that are made at once: io_uring
// has no operation for them on the oldest Linux that is supported, or it is a destructor that makes them, which cannot
// await.
//
// Linux itself is behind them on a real kernel, and for handles that are used where no loop runs; a simulated kernel
// answers them itself. Apart from these and the ring nothing in runtime/ and io/ asks the operating system for
// anything: tests/support/check_determinism.py sees to that, and names the exceptions.
//
// Results, as everywhere below the seam: zero or more on success, a negated errno else. Paths are relative to the
// working directory where nothing else is said.
#pragma once

#include <signal.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include <ringmill/runtime/config.hpp>

struct statx;

namespace ringmill {

class process_options;

/// Calls on files and directories, and on what else is a descriptor and no socket.
class file_calls {
 public:
  /// Both with O_CLOEXEC: ends[0] to read, ends[1] to write.
  virtual int pipe(int* ends) = 0;
  /// Asks for room for `wanted` bytes in a pipe, which may be refused. How much room there is now.
  virtual int pipe_capacity(int pipe, int wanted) = 0;

  /// openat(2) of what exists already. `directory` is AT_FDCWD for the working directory.
  virtual int open(int directory, const char* path, int flags) = 0;
  /// unlinkat(2); `flags` are 0, or AT_REMOVEDIR.
  virtual int unlink(int directory, const char* path, int flags) = 0;
  /// getdents64(2): the next entries that fit, each a dirent64; 0 at the end.
  virtual int read_directory(int directory, void* entries, std::size_t size) = 0;
  /// statx(2) of STATX_BASIC_STATS; `flags` are 0, or AT_SYMLINK_NOFOLLOW.
  virtual int status(const char* path, int flags, struct ::statx& found) = 0;
  virtual int truncate(int fd, std::int64_t size) = 0;
  /// A write, to whatever it is, that neither waits nor raises SIGPIPE. The number of bytes written; -EAGAIN when there
  /// is no room, -EOPNOTSUPP when this cannot be written to without waiting. For a kernel whose ring knows no write
  /// without SIGPIPE (Linux before 6.18).
  virtual int write_at_once(int fd, const void* data, std::size_t size) = 0;
  virtual int set_mode(int fd, unsigned mode) = 0;
  virtual int set_mode(const char* path, unsigned mode) = 0;

  /// inotify(7): a descriptor whose reads give events, with O_CLOEXEC and O_NONBLOCK.
  virtual int make_watch() = 0;
  /// The number of the watch.
  virtual int add_watch(int fd, const char* path, std::uint32_t events) = 0;
  virtual int remove_watch(int fd, int watch) = 0;

 protected:
  // Not virtual: those of Linux are never destroyed, and serve handles that end after main.
  ~file_calls() = default;
};

/// A process that was started, or what could not be done for it.
struct started_process {
  int id = -1;
  int handle = -1;  ///< a pidfd, the caller's to close
  const char* failed_at =
      nullptr;  ///< what it was doing when it failed ("its working directory"); "": loading the program
};

/// Where the three standard streams of a child lead. A number that is its own place (1 for standard output) means that
/// it is inherited.
struct child_streams {
  static constexpr int as_output = -2;  ///< for `error`: to where standard output leads
  int input = 0;
  int output = 1;
  int error = 2;
};

/// Calls on processes, and on what this one is told from outside: signals, its environment.
class process_calls {
 public:
  /// Starts a program and comes back when it has been loaded. 0, and the process in `made`; else nothing is left of it,
  /// and `made.failed_at`, if there is one, says where it failed.
  virtual int spawn(const process_options& options, const child_streams& streams, started_process& made) = 0;
  /// pidfd_send_signal(2); 0 sends none and asks whether there is such a process.
  virtual int send_signal(int handle, int number) = 0;
  /// kill(2) to the process group of this number.
  virtual int send_group_signal(int group, int number) = 0;
  /// getpgid(2)
  virtual int group_of(int id) = 0;
  /// waitid(2) for the end of a child, which is reaped by it unless `flags` have WNOWAIT. `ended.si_pid` is 0 if it
  /// runs still and `flags` have WNOHANG; without, this blocks. The handle becomes readable, to a poll operation, when
  /// the child ends.
  virtual int wait(int handle, int flags, siginfo_t& ended) = 0;
  /// Blocks until a child that was killed has ended, for a second at most; it is not reaped.
  virtual void wait_a_second(int handle) noexcept = 0;
  /// Takes the handle of a child that has not ended and has no owner any more: to be reaped when it has.
  virtual void leave(int handle) noexcept = 0;

  /// A descriptor that is readable while one of `signals` is pending, which are kept for `take_signal` from now on:
  /// they are blocked on this thread. Close the descriptor, then call `unwatch_signals`.
  virtual int watch_signals(const sigset_t& signals) = 0;
  /// The number of a pending signal, the lowest first, which is pending no longer; 0 if there is none.
  virtual int take_signal(int fd) noexcept = 0;
  /// Each signal is let through again unless someone else watches it, or it was blocked before all of them did. What is
  /// still pending takes its old course.
  virtual void unwatch_signals(const sigset_t& signals) noexcept = 0;

  /// getenv(3): null if there is no such variable.
  virtual const char* environment(const char* name) noexcept = 0;

 protected:
  ~process_calls() = default;  // as that of file_calls
};

/// Calls for processes that work together: memory that they share, messages between them, and what wakes one of them.
class ipc_calls {
 public:
  /// memfd_create(2): `size` bytes of zeros, with O_CLOEXEC, which can be sealed.
  virtual int make_memory(const char* name, std::size_t size) = 0;
  /// F_ADD_SEALS of fcntl(2).
  virtual int seal_memory(int memory, int seals) = 0;
  /// mmap(2) of its first `size` bytes, shared.
  virtual int map_memory(int memory, std::size_t size, bool writable, void*& address) = 0;
  /// mprotect(2) of the first `size` bytes of a mapping, a multiple of the page size.
  virtual int make_writable(void* address, std::size_t size) = 0;
  virtual void unmap_memory(void* address, std::size_t size) noexcept = 0;
  /// FUTEX_WAKE of futex(2): wakes one that waits for this word of shared memory, in whatever process.
  virtual void wake(const std::uint32_t* word) noexcept = 0;

  /// eventfd(2), with O_CLOEXEC and O_NONBLOCK.
  virtual int make_event() = 0;
  /// sendmsg(2) and recvmsg(2), with the flags given, MSG_NOSIGNAL and MSG_CMSG_CLOEXEC. The number of bytes.
  virtual int send_message(int socket, const msghdr& message, int flags) = 0;
  virtual int receive_message(int socket, msghdr& message, int flags) = 0;
  virtual int set_non_blocking(int fd) = 0;
  /// read(2) of what is O_NONBLOCK, or a file.
  virtual int read_at_once(int fd, void* data, std::size_t size) = 0;

 protected:
  ~ipc_calls() = default;  // as that of file_calls
};

}  // namespace ringmill
