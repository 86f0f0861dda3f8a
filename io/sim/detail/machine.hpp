// What is behind a host: a kernel, a ring and a loop, which are there while it is up.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ringmill/io/ring.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/thread_state.hpp>

namespace ringmill::sim::detail {

class world_state;

class machine {
 public:
  machine(world_state& around, std::uint32_t number, std::string name, std::string address);
  ~machine();
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;

  sim::host& face() noexcept { return face_; }
  memory_file_system& disk() noexcept { return *disk_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& address() const noexcept { return address_; }
  std::uint32_t number() const noexcept { return number_; }
  bool is_up() const noexcept { return up_ != nullptr && !is_dying_; }
  int descriptors() const noexcept { return up_ ? up_->kernel->descriptors() : 0; }

  void begin(task<> program, bool is_main);
  /// Whatever runs on it now.
  void ask_to_crash() noexcept { shall_crash_ = is_up(); }
  /// And what was to run next.
  void crash_again();
  void signal(int number);
  bool shall_crash() const noexcept { return shall_crash_; }
  void crash();

  /// Would a host's own loop be called now?
  bool has_work();
  /// When it will have work if nothing happens.
  std::optional<time_point> next_time();
  void stall_until(time_point when) noexcept { stalled_until_ = when; }
  /// One turn. Throws what nobody has handled.
  void turn();
  void cancel_all();
  bool has_tasks() const noexcept { return up_ && up_->loop.detached_tasks() > 0; }
  std::string tasks();

 private:
  /// What a host has while it is up.
  struct running {
    running(std::unique_ptr<ringmill::kernel> behind, sim_kernel& plain);
    sim_kernel* kernel;
    ringmill::ring ring;
    ringmill::loop loop;
    cancel_scope programs;
  };
  /// Makes the host's ring and loop the thread's own, whatever these were.
  class presence;

  /// The last of its tasks, after a crash.
  bool has_ended() const noexcept { return is_dying_ && !has_tasks(); }
  void boot();
  void go_down();
  /// Asked once after each time that its loop was touched, and not by each look at the host.
  void note_deadline() { deadline_ = up_->loop.next_deadline(); }
  void detach(task<> program, bool is_main);
  task<> supervise(task<> program, bool is_main);

  world_state& around_;
  std::uint32_t number_;
  std::string name_;
  std::string address_;
  sim::host face_;
  std::shared_ptr<memory_file_system> disk_;
  std::unique_ptr<running> up_;
  std::optional<time_point> deadline_;  ///< of its loop
  bool shall_crash_ = false;
  bool is_dying_ = false;  ///< crashed, and its tasks are being cancelled
  time_point stalled_until_{};
  std::vector<std::pair<task<>, bool>> to_begin_;  ///< when it is up again
};

}  // namespace ringmill::sim::detail
