// A driver whose clock a test can also move on by hand, as when a task holds the thread: several timers are over then.
#pragma once

#include <ringmill/runtime/loop.hpp>

namespace support {

class jumping_clock final : public ringmill::driver {
 public:
  void advance(ringmill::duration length) noexcept { now_ += length; }

  ringmill::time_point now() noexcept override { return now_; }
  void poll() override {}
  void wait(std::optional<ringmill::time_point> deadline) override {
    if (deadline && *deadline > now_) now_ = *deadline;
  }
  bool can_wake() const noexcept override { return false; }
  void wake() noexcept override {}

 private:
  ringmill::time_point now_ = ringmill::time_point() + std::chrono::hours(1);
};

}  // namespace support
