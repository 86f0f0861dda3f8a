// The simulated kernel's calls on files and processes (io/kernel_calls.hpp). Of files it has pipes so far; all else,
// and every call on processes and signals, is -ENOSYS: a program that needs it is told so, and runs on Linux only.
#pragma once

#include <cerrno>

#include <ringmill/io/kernel_calls.hpp>

namespace ringmill::sim::detail {

class sim_kernel;

class sim_files final : public file_calls {
 public:
  explicit sim_files(sim_kernel& owner) noexcept : owner_(owner) {}

  int pipe(int* ends) override;
  int pipe_capacity(int pipe, int wanted) override;

  int open(int directory, const char* path, int flags) override;
  int unlink(int directory, const char* path, int flags) override;
  int read_directory(int directory, void* entries, std::size_t size) override;
  int status(const char* path, int flags, struct ::statx& found) override;
  int truncate(int fd, std::int64_t size) override;
  /// Its ring knows a write without SIGPIPE.
  int write_at_once(int, const void*, std::size_t) override { return -EOPNOTSUPP; }
  int set_mode(int fd, unsigned mode) override;
  int set_mode(const char* path, unsigned mode) override;

  int make_watch() override;
  int add_watch(int fd, const char* path, std::uint32_t events) override;
  int remove_watch(int fd, int watch) override;

 private:
  sim_kernel& owner_;
};

class sim_processes final : public process_calls {
 public:
  int spawn(const process_options& options, const child_streams& streams, started_process& made) override;
  int send_signal(int handle, int number) override;
  int send_group_signal(int group, int number) override;
  int group_of(int id) override;
  int wait(int handle, int flags, siginfo_t& ended) override;
  void wait_a_second(int) noexcept override {}
  void leave(int) noexcept override {}

  int watch_signals(const sigset_t& signals) override;
  int take_signal(int) noexcept override { return 0; }
  void unwatch_signals(const sigset_t&) noexcept override {}

  /// There is none, so that no run depends on the machine's.
  const char* environment(const char*) noexcept override { return nullptr; }
};

}  // namespace ringmill::sim::detail
