// For tests, a user's own too: a loop on a clock that jumps. Time passes only when nothing is ready, and then at once.
#pragma once

#include <utility>

#include <ringmill/runtime/loop.hpp>

namespace ringmill::testing {

/// A driver without I/O whose clock jumps to the next deadline. A test that would hang throws deadlock_error instead.
class virtual_clock final : public driver {
 public:
  time_point now() noexcept override { return now_; }
  void poll() override {}
  void wait(std::optional<time_point> deadline) override {
    if (deadline && *deadline > now_) now_ = *deadline;
  }
  bool can_wake() const noexcept override { return false; }

 private:
  time_point now_ = time_point() + std::chrono::hours(1);
};

/// Runs `root` to its end on a new loop with a virtual clock; as loop::run.
template <class T>
T run(task<T> root) {
  virtual_clock clock;
  loop here(clock);
  return here.run(std::move(root));
}

}  // namespace ringmill::testing
