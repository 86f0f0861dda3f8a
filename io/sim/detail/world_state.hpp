// Runs the hosts of a world, one turn of one of them at a time, and decides how a run has ended.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/frame_faults.hpp>
#include <ringmill/io/sim/detail/machine.hpp>
#include <ringmill/io/sim/world.hpp>

namespace ringmill::sim::detail {

class world_state {
 public:
  world_state(std::uint64_t seed, const options& how);
  ~world_state();

  report run(const std::function<void(world&)>& program);

  // For machines and the world's public face.

  const std::shared_ptr<environment>& around() const noexcept { return around_; }
  machine& find_or_make(const std::string& name, std::string_view address);
  std::unique_ptr<kernel> wrap(std::unique_ptr<kernel> plain) {
    return wrap_ ? wrap_(std::move(plain)) : std::move(plain);
  }
  void set_wrapper(world::wrapper wrap) { wrap_ = std::move(wrap); }
  random_source& random_of_programs() noexcept { return random_of_programs_; }
  frame_faults& frames() noexcept { return frames_; }
  /// Nothing is started any more.
  bool is_ending() const noexcept { return is_ending_; }
  void main_began() noexcept { ++mains_; }
  void main_ended() noexcept { --mains_; }
  void fail_with(std::exception_ptr why, const std::string& where);

 private:
  void run_until_over();
  void wind_down();
  /// A turn of a host, or time passes. False: nothing can happen any more.
  bool step();
  bool let_time_pass();
  void fail(const std::string& how, std::exception_ptr why = nullptr);
  std::string all_tasks();
  report summary() const;
  std::string text_of_failure() const;

  std::uint64_t seed_;
  std::shared_ptr<environment> around_;
  frame_faults frames_;
  random_source random_of_programs_;
  world face_;
  world::wrapper wrap_;
  std::vector<std::unique_ptr<machine>> machines_;
  std::vector<machine*> ready_;  ///< of one step
  std::size_t mains_ = 0;
  std::uint64_t turns_ = 0;
  bool is_ending_ = false;
  bool has_failed_ = false;
  std::string failure_;
  std::exception_ptr cause_;
};

}  // namespace ringmill::sim::detail
