// The simulated kernel's calls on processes and signals (io/kernel_calls.hpp): -ENOSYS, all of them. A program that
// needs them is told so, and runs on Linux only.
#pragma once

#include <ringmill/io/kernel_calls.hpp>

namespace ringmill::sim::detail {

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
