// A driver that never waits: real time passes while tasks run, and where the loop would block the clock jumps instead.
// So what a run takes is what it costs, reading the clock included, and no sleep is in it.
#pragma once

#include <ringmill/runtime/loop.hpp>

namespace bench {

class skipping_clock final : public ringmill::driver {
 public:
  ringmill::time_point now() noexcept override { return std::chrono::steady_clock::now() + skipped_; }
  void poll() override {}
  void wait(std::optional<ringmill::time_point> deadline) override {
    if (deadline) skipped_ += std::max(ringmill::duration::zero(), *deadline - now());
  }
  bool can_wake() const noexcept override { return false; }
  void wake() noexcept override {}

 private:
  ringmill::duration skipped_{};
};

/// Runs `root` to its end on a new loop.
template <class T>
T run_task(ringmill::task<T> root) {
  skipping_clock clock;
  ringmill::loop here(clock);
  return here.run(std::move(root));
}

}  // namespace bench
