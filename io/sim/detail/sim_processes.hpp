// The simulated kernel's calls on processes and signals (io/kernel_calls.hpp).
//
// A child is a program that the world knows by its name (io/sim/child_process.hpp). The host's own program gets the
// signals that its world sends it.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include <ringmill/io/kernel_calls.hpp>
#include <ringmill/io/sim/detail/process.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::sim::detail {

class signal_source;

class RINGMILL_API sim_processes final : public process_calls {
 public:
  explicit sim_processes(sim_kernel& owner) noexcept : owner_(owner) {}

  int spawn(const process_options& options, const child_streams& streams, started_process& made) override;
  int send_signal(int handle, int number) override;
  int send_group_signal(int group, int number) override;
  int group_of(int id) override;
  int wait(int handle, int flags, siginfo_t& ended) override;
  void wait_a_second(int handle) noexcept override;
  void leave(int handle) noexcept override;

  int watch_signals(const sigset_t& signals) override;
  int take_signal(int fd) noexcept override;
  void unwatch_signals(const sigset_t& signals) noexcept override;

  /// There is none, so that no run depends on the machine's.
  const char* environment(const char*) noexcept override { return nullptr; }

  // For the kernel, and for processes.

  /// Null: there is no memory for one.
  std::shared_ptr<process> make(process* parent, process_setup setup, process::body program);
  /// A child of the host's program is a zombie now, or somebody else's is gone.
  void has_ended(process& dead);
  /// To the host's program. False: nobody watches it, and it ends the program.
  bool raise(int number);
  void when_killed(std::function<void()> action) { when_killed_ = std::move(action); }
  /// Nothing of them goes on.
  void end_all();
  /// Of the processes that there are, for a report of a deadlock.
  std::string text() const;

  // For signal_source.

  void add(signal_source& source) { sources_.push_back(&source); }
  void remove(const signal_source& source) noexcept { std::erase(sources_, &source); }
  bool is_pending(const sigset_t& signals) const noexcept;

 private:
  std::shared_ptr<process> process_of(int handle) const;
  std::shared_ptr<object> stream_of(int number) const;
  void reap(process& dead);
  void reap_left();

  sim_kernel& owner_;
  int last_id_ = 1000;
  std::map<int, std::shared_ptr<process>> all_;  ///< that were not reaped
  std::vector<std::shared_ptr<process>> left_;
  std::vector<signal_source*> sources_;
  std::array<unsigned, _NSIG> watchers_{};
  std::array<bool, _NSIG> pending_{};
  std::function<void()> when_killed_;
};

/// signalfd(2).
class signal_source final : public object {
 public:
  signal_source(sim_kernel& owner, sim_processes& of, const sigset_t& signals)
      : object(owner), of_(of), signals_(signals) {
    of_.add(*this);
  }
  ~signal_source() override { of_.remove(*this); }

  unsigned ready() const noexcept override { return of_.is_pending(signals_) ? POLLIN : 0U; }
  const sigset_t& signals() const noexcept { return signals_; }
  void came() { changed(); }

 private:
  sim_processes& of_;
  sigset_t signals_;
};

}  // namespace ringmill::sim::detail
