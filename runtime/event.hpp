// event: a flag that tasks can wait for.
#pragma once

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {

/// Unset at first. `set` wakes all who wait, and lets through all who come until `reset`. Must outlive its waiters.
class event {
 public:
  class [[nodiscard]] wait_awaiter {
   public:
    explicit wait_awaiter(event& owner) noexcept : event_(owner) {}
    wait_awaiter(const wait_awaiter& other) noexcept : event_(other.event_) {}
    bool await_ready() const noexcept { return event_.set_; }
    bool await_suspend(waiter& who) noexcept {
      event_.waiters_.park(place_, who);
      return true;
    }
    void await_resume() const noexcept {}
    cancel_result await_cancel(cancel_reason) noexcept {
      event_.waiters_.leave(place_);
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const { out.text("an event", &event_); }

   private:
    event& event_;
    detail::parked place_;
  };

  event() noexcept = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event() { RINGMILL_CHECK(waiters_.empty(), "an event was destroyed while tasks wait for it"); }

  void set() noexcept {
    set_ = true;
    while (!waiters_.empty()) waiters_.wake_front();
  }
  void reset() noexcept { set_ = false; }
  bool is_set() const noexcept { return set_; }

  /// co_await it: comes back when the event is set; suspends only if it is not.
  wait_awaiter wait() noexcept { return wait_awaiter(*this); }

 private:
  bool set_ = false;
  detail::parking_list waiters_;
};

}  // namespace ringmill
