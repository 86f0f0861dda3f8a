#include <ringmill/runtime/testing.hpp>

#include <condition_variable>
#include <mutex>
#include <stdexcept>

namespace ringmill::testing {

bool watched_driver::wake_watchers() noexcept {
  const bool has_some = !watchers_.empty();
  while (!watchers_.empty()) watchers_.wake_front();
  return has_some;
}

class virtual_clock::doorbell {
 public:
  void ring() noexcept {
    {
      const std::lock_guard lock(mutex_);
      rung_ = true;
    }
    changed_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

virtual_clock::virtual_clock() : doorbell_(new doorbell) {}
virtual_clock::~virtual_clock() = default;

void virtual_clock::wait(std::optional<time_point> deadline) {
  if (wake_watchers()) return;
  if (deadline) {
    if (*deadline > now_) now_ = *deadline;
    return;
  }
  doorbell_->wait();
}

void virtual_clock::wake() noexcept { doorbell_->ring(); }

bool blocked_awaiter::await_suspend(waiter& who) {
  driver_ = dynamic_cast<watched_driver*>(&loop::current().below());
  if (!driver_) throw std::logic_error("all_blocked() on a loop that has no virtual clock: use rm::testing::run");
  driver_->watchers_.park(place_, who);
  return true;
}

}  // namespace ringmill::testing
