// A driver whose clock stands still while tasks run, and jumps to the next deadline where the loop would block.
#pragma once

#include <ringmill/runtime/loop.hpp>

namespace bench {

class still_clock final : public ringmill::driver {
 public:
  ringmill::time_point now() noexcept override { return now_; }
  void poll() override {}
  void wait(std::optional<ringmill::time_point> deadline) override {
    if (deadline) now_ = std::max(now_, *deadline);
  }
  bool can_wake() const noexcept override { return false; }
  void wake() noexcept override {}

 private:
  ringmill::time_point now_{std::chrono::hours(1)};
};

/// Runs `root` to its end on a new loop.
template <class T>
T run_still(ringmill::task<T> root) {
  still_clock clock;
  ringmill::loop here(clock);
  return here.run(std::move(root));
}

}  // namespace bench
