// For tests, a user's own too: a loop on a clock that jumps. Time passes only when nothing is ready, and then at once.
//
//   rm::testing::run(body());                 // an hour of sleep takes no time; what would hang throws deadlock_error
//   ...
//   group.start(worker);
//   co_await rm::testing::all_blocked();      // the worker has gone as far as it can
#pragma once

#include <optional>
#include <utility>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/owned_ptr.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill::testing {

/// A driver that all_blocked works on: `wait` of what derives from it calls `wake_watchers` first.
class RINGMILL_API watched_driver : public driver {
 public:
  watched_driver(const watched_driver&) = delete;
  watched_driver& operator=(const watched_driver&) = delete;
  bool can_wake() const noexcept override { return !watchers_.empty(); }

 protected:
  watched_driver() noexcept {}
  /// Nothing is ready: wakes those that wait for that. False: there are none.
  bool wake_watchers() noexcept;

 private:
  friend class blocked_awaiter;
  detail::parking_list watchers_;
};

/// A driver without I/O whose clock jumps to the next deadline. A test that would hang throws deadlock_error instead.
/// Without a deadline it waits, in real time, for a post from another thread that was announced (loop::expected_post).
class RINGMILL_API virtual_clock final : public watched_driver {
 public:
  virtual_clock();
  ~virtual_clock() override;

  time_point now() noexcept override { return now_; }
  std::uint64_t random() override { return random_ += 0x9e3779b97f4a7c15; }  // the same in each run
  void poll() override {}
  void wait(std::optional<time_point> deadline) override;
  void wake() noexcept override;

 private:
  class doorbell;

  time_point now_ = time_point() + std::chrono::hours(1);
  std::uint64_t random_ = 0;
  detail::owned_ptr<doorbell> doorbell_;  ///< what other threads ring
};

/// What `all_blocked` gives.
class [[nodiscard]] RINGMILL_API blocked_awaiter {
 public:
  blocked_awaiter() noexcept {}
  blocked_awaiter(const blocked_awaiter&) noexcept {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(waiter& who);
  void await_resume() const noexcept {}
  cancel_result await_cancel(cancel_reason) noexcept {
    driver_->watchers_.leave(place_);
    return cancel_result::done();
  }
  bool await_must_resume() const noexcept { return true; }
  void await_describe(task_writer& out) const { out.text("all_blocked"); }

 private:
  watched_driver* driver_ = nullptr;
  detail::parked place_;
};

/// co_await it: comes back when no task is ready any more, so that only the clock, or another thread, could go on. No
/// time passes. Several tasks that wait so come back together.
inline blocked_awaiter all_blocked() noexcept { return blocked_awaiter(); }

/// Runs `root` to its end on a new loop with a virtual clock; as loop::run.
template <class T>
T run(task<T> root) {
  virtual_clock clock;
  loop here(clock);
  return here.run(std::move(root));
}

}  // namespace ringmill::testing
