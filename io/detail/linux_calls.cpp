#include <ringmill/io/detail/linux_calls.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <type_traits>

#include <ringmill/io/detail/left_children.hpp>
#include <ringmill/io/detail/spawn.hpp>
#include <ringmill/io/detail/write_at_once.hpp>

namespace ringmill::detail {

namespace {

class linux_file_calls final : public file_calls {
 public:
  int pipe(int* ends) override { return or_errno(::pipe2(ends, O_CLOEXEC)); }
  int pipe_capacity(int pipe, int wanted) override {
    ::fcntl(pipe, F_SETPIPE_SZ, wanted);
    return or_errno(::fcntl(pipe, F_GETPIPE_SZ));
  }

  int open(int directory, const char* path, int flags) override { return or_errno(::openat(directory, path, flags)); }
  int unlink(int directory, const char* path, int flags) override {
    return or_errno(::unlinkat(directory, path, flags));
  }
  int read_directory(int directory, void* entries, std::size_t size) override {
    return or_errno(::getdents64(directory, entries, size));
  }
  int status(const char* path, int flags, struct ::statx& found) override {
    return or_errno(::statx(AT_FDCWD, path, flags, STATX_BASIC_STATS, &found));
  }
  int truncate(int fd, std::int64_t size) override { return or_errno(::ftruncate(fd, size)); }
  int write_at_once(int fd, const void* data, std::size_t size) override {
    return detail::write_at_once(fd, std::span(static_cast<const std::byte*>(data), size));
  }
  int set_mode(int fd, unsigned mode) override { return or_errno(::fchmod(fd, mode)); }
  int set_mode(const char* path, unsigned mode) override { return or_errno(::chmod(path, mode)); }

  int make_watch() override { return or_errno(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)); }
  int add_watch(int fd, const char* path, std::uint32_t events) override {
    return or_errno(::inotify_add_watch(fd, path, events));
  }
  int remove_watch(int fd, int watch) override { return or_errno(::inotify_rm_watch(fd, watch)); }
};

/// How often a signal is watched on this thread.
class watch_count {
 public:
  unsigned holders = 0;
  bool was_blocked = false;  ///< before the first of them
};

constinit thread_local std::array<watch_count, _NSIG> watch_counts{};

template <class Function>
void for_each_in(const sigset_t& signals, Function function) {
  for (int number = 1; number < _NSIG; ++number) {
    if (sigismember(&signals, number) == 1) function(number, watch_counts[static_cast<std::size_t>(number)]);
  }
}

class linux_process_calls final : public process_calls {
 public:
  int spawn(const process_options& options, const child_streams& streams, started_process& made) override {
    reap_left_children();
    return start_program(options, streams, made);
  }
  int send_signal(int handle, int number) override {
    return or_errno(::syscall(SYS_pidfd_send_signal, handle, number, nullptr, 0));
  }
  int send_group_signal(int group, int number) override { return or_errno(::kill(-group, number)); }
  int group_of(int id) override { return or_errno(::getpgid(id)); }
  int wait(int handle, int flags, siginfo_t& ended) override {
    reap_left_children();
    int result = -EINTR;
    while (result == -EINTR) {
      result = or_errno(::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(handle), &ended, WEXITED | flags));
    }
    return result;
  }
  void wait_a_second(int handle) noexcept override {
    using namespace std::chrono;
    const auto deadline = steady_clock::now() + 1s;  // a GiB of memory takes the kernel 60 ms to free
    pollfd end{handle, POLLIN, 0};
    bool interrupted = true;  // by a signal: what is left of the second is as much less
    while (interrupted) {
      const auto left = std::max(ceil<milliseconds>(deadline - steady_clock::now()), 0ms);
      interrupted = ::poll(&end, 1, static_cast<int>(left.count())) < 0 && errno == EINTR && left > 0ms;
    }
  }
  void leave(int handle) noexcept override { leave_child(fd(handle)); }

  int watch_signals(const sigset_t& signals) override {
    const int made = or_errno(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (made < 0) return made;
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &signals, &before);
    for_each_in(signals, [&](int number, watch_count& count) {
      if (count.holders++ == 0) count.was_blocked = sigismember(&before, number) == 1;
    });
    return made;
  }
  int take_signal(int fd) noexcept override {
    signalfd_siginfo info{};
    const ssize_t got = ::read(fd, &info, sizeof info);
    return got == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
  }
  void unwatch_signals(const sigset_t& signals) noexcept override {
    sigset_t unblocked;
    sigemptyset(&unblocked);
    for_each_in(signals, [&](int number, watch_count& count) {
      if (--count.holders == 0 && !count.was_blocked) sigaddset(&unblocked, number);
    });
    ::pthread_sigmask(SIG_UNBLOCK, &unblocked, nullptr);
  }

  const char* environment(const char* name) noexcept override { return std::getenv(name); }
};

}  // namespace

file_calls& linux_files() noexcept {
  static linux_file_calls calls;
  static_assert(std::is_trivially_destructible_v<linux_file_calls>);
  return calls;
}

process_calls& linux_processes() noexcept {
  static linux_process_calls calls;
  static_assert(std::is_trivially_destructible_v<linux_process_calls>);
  return calls;
}

}  // namespace ringmill::detail
