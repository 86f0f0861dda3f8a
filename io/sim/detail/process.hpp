// A simulated process: a program on a stack of its own, which goes on when the world lets it, and what its parent and
// the kernel know of it. Blocking calls of the program leave the stack; the time until it comes back is the seed's.
//
// It is what a pidfd refers to. Nothing of it runs beside anything else: "at the same time" is the order of the world's
// events.
#pragma once

#include <poll.h>
#include <signal.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ringmill/io/sim/detail/object.hpp>
#include <ringmill/io/sim/detail/process_stack.hpp>

namespace ringmill::sim::detail {

class environment;

/// How a process has ended: as wait(2) puts it.
class process_end {
 public:
  static process_end exited(int code) noexcept { return process_end((code & 0xff) << 8); }
  static process_end killed(int signal) noexcept { return process_end(signal); }
  int wait_status() const noexcept { return wait_status_; }
  bool is_exit() const noexcept { return (wait_status_ & 0x7f) == 0; }
  /// The code, or the signal.
  int number() const noexcept { return is_exit() ? wait_status_ >> 8 : wait_status_; }

 private:
  explicit process_end(int wait_status) noexcept : wait_status_(wait_status) {}
  int wait_status_;
};

/// What it starts with.
class process_setup {
 public:
  std::vector<std::string> arguments;  ///< the first is its own name
  std::vector<std::pair<std::string, std::optional<std::string>>> environment;
  std::array<std::shared_ptr<object>, 3> streams;  ///< null: what is written is gone, and what is read is an end
  int group = 0;                                   ///< 0: one of its own
};

class process final : public object {
 public:
  using body = std::function<int(process&)>;

  /// Does not run before `start`. `parent` is null for a child of the host's own program.
  process(sim_kernel& owner, int id, process* parent, process_setup setup, body program);
  ~process() override;

  unsigned ready() const noexcept override { return has_ended() ? POLLIN : 0U; }

  // From outside.

  void start();
  /// Takes effect a little later.
  void signal(int number);
  /// Now: its host has lost its power, or is taken apart.
  void end_at_once();
  int id() const noexcept { return id_; }
  int group() const noexcept { return group_; }
  bool is_child_of_host() const noexcept { return parent_ == nullptr; }
  bool has_ended() const noexcept { return end_.has_value(); }
  const process_end& end() const noexcept { return *end_; }
  bool was_reaped() const noexcept { return was_reaped_; }
  void reap() noexcept { was_reaped_ = true; }

  // By its program, on its stack. All of these may let time pass, and do not come back when it has been killed: then
  // they unwind it, by an exception that is not for catching.

  /// The process that runs now, or null.
  static process* current() noexcept;
  const process_setup& setup() const noexcept { return setup_; }
  /// A moment at which others may have their turn, and all that can happen to a process may happen to it.
  void step();
  /// The same, but comes back even if it has been killed: for what must not throw. It is dead then (`is_dying`).
  void step_without_throwing() noexcept;
  void sleep(duration length);
  /// Until `what` has changed, or for no reason.
  void wait_for_change(object& what);
  /// Until `unpark`, or for no reason.
  void park();
  void park_until(time_point when);
  void unpark();
  std::size_t read(object* from, std::span<std::byte> into);
  /// Of all; raises SIGPIPE, as it were.
  void write(object* to, std::span<const std::byte> bytes);
  void close_stream(std::size_t which) noexcept { setup_.streams[which].reset(); }
  [[noreturn]] void exit(process_end how);
  /// What it does from now on counts no more.
  bool is_dying() const noexcept { return is_dying_; }

  /// A process of its own, which dies with it. Null: there is no memory for one.
  std::shared_ptr<process> fork(process_setup setup, body program);
  /// One of its children that has ended and was not taken yet, or null.
  std::shared_ptr<process> take_dead_child();

  /// Kept for `take_signal` from now on, instead of what it does by default.
  void handle_signal(int number);
  void ignore_signal(int number);
  /// The lowest that is pending, or 0.
  int take_signal() noexcept;

  /// For who has made its program.
  void attach(void* what) noexcept { attachment_ = what; }
  void* attachment() const noexcept { return attachment_; }

  using object::owner;
  environment& around() const noexcept;

 private:
  enum class reaction : std::uint8_t { by_default, handled, ignored };
  class unwinding {};

  void deliver(int number);
  void resume_after(duration delay);
  void resume();
  void run();
  void leave_stack();
  void throw_if_dying();
  /// What may go wrong at each step; and how long it takes. Nothing: it is dead.
  std::optional<duration> fate_of_step();
  void kill(process_end how);
  void finish(process_end how);
  void child_ended(process& child);

  int id_;
  int group_;
  process* parent_;
  process_setup setup_;
  body program_;
  std::unique_ptr<process_stack> stack_;
  std::uint64_t turn_ = 0;  ///< what was scheduled for an earlier one does not count
  bool is_started_ = false;
  bool is_parked_ = false;
  bool was_unparked_ = false;  ///< before it was parked
  bool is_stopped_ = false;
  bool is_due_ = false;  ///< since it was stopped
  bool is_dying_ = false;
  bool was_reaped_ = false;
  std::optional<process_end> fate_;  ///< how it ends, known before it has
  std::optional<process_end> end_;
  std::array<reaction, _NSIG> reactions_{};
  std::array<bool, _NSIG> pending_{};
  std::vector<std::shared_ptr<process>> children_;
  void* attachment_ = nullptr;
};

}  // namespace ringmill::sim::detail
