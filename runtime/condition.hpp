// condition: waits until another task says that what a mutex protects has changed.
//
//   rm::mutex::guard held = co_await lock.lock();
//   co_await changed.wait(held, [&] { return !jobs.empty(); });
//   take(jobs);  // `held` owns the mutex
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/mutex.hpp>
#include <ringmill/runtime/parking.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

/// A wait lets go of the mutex and takes it back before it ends, however it ends: also after a cancel, which waits for
/// the mutex, the guard owns it again when the waiting frame is destroyed. First come, first served; a waiter that was
/// notified queues for the mutex with all others. If it is cancelled while it does, the notification goes to the next
/// one. No wake-up comes without a notification. Must outlive its waiters, as must the mutex and the guard.
class condition {
  /// Where a waiter stands: in the condition's queue, or, in all other phases, in that of the mutex or past it.
  enum class phase : std::uint8_t { waiting, notified, notified_with_all, cancelled };

  /// One place for both queues.
  class place : public mutex::place {
   public:
    using mutex::place::place;
    mutex* lock = nullptr;
    phase now = phase::waiting;
  };

 public:
  class [[nodiscard]] wait_awaiter {
   public:
    wait_awaiter(condition& owner, mutex::guard& held) noexcept : condition_(owner), place_(held) {}
    wait_awaiter(const wait_awaiter& other) noexcept : wait_awaiter(other.condition_, other.place_.into()) {}
    ~wait_awaiter() {
      if (place_.now == phase::notified) --condition_.notified_;
    }

    bool await_ready() const noexcept { return false; }
    bool await_suspend(waiter& who) {
      mutex::guard& held = place_.into();
      if (!held.owns_lock()) {
        throw std::logic_error("condition::wait() with a guard that owns no mutex: co_await its lock() first");
      }
      place_.lock = held.owner_;
      condition_.waiters_.park(place_, who);
      held.unlock();
      return true;
    }
    void await_resume() const noexcept {}
    cancel_result await_cancel(cancel_reason) noexcept {
      const phase before = std::exchange(place_.now, phase::cancelled);
      if (before == phase::waiting) {
        condition_.waiters_.leave(place_);
        if (place_.lock->take(place_.into())) return cancel_result::done();
        place_.lock->waiters_.park(place_, *place_.who);
      } else if (before == phase::notified) {
        --condition_.notified_;
        condition_.notify_one();
      }
      return cancel_result::pending();
    }
    bool await_must_resume() const noexcept { return place_.now != phase::cancelled; }
    void await_describe(task_writer& out) const {
      if (place_.now == phase::waiting) {
        out.text("a condition", &condition_);
      } else {
        out.text("after a condition, a mutex", place_.lock);
      }
    }

   private:
    condition& condition_;
    place place_;
  };

  condition() noexcept = default;
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;
  ~condition() {
    RINGMILL_CHECK(waiters_.empty(), "a condition was destroyed while tasks wait for it: it must outlive them");
    RINGMILL_CHECK(notified_ == 0,
                   "a condition was destroyed before a waiter that it notified went on: it must outlive its waiters");
  }

  /// co_await it: unlocks, waits for a notification, and locks again. Always suspends. `held` is empty meanwhile and
  /// must stay where it is. Throws std::logic_error if it is empty at the start.
  wait_awaiter wait(mutex::guard& held) noexcept { return wait_awaiter(*this, held); }

  /// co_await it: waits until `predicate()`, which is called with the mutex locked. Does not wait if it is true
  /// already.
  template <std::predicate Predicate>
  task<> wait(mutex::guard& held, Predicate predicate) {
    while (!predicate()) co_await wait(held);
  }

  /// Ends the wait of the one that waits longest, with or without the mutex locked. Nothing happens if nobody waits:
  /// notifications are not kept. Only enqueues.
  void notify_one() noexcept {
    if (waiters_.empty()) return;
    ++notified_;
    let_go(phase::notified);
  }

  /// Ends the wait of all that wait now; they get the mutex one after the other.
  void notify_all() noexcept {
    while (!waiters_.empty()) let_go(phase::notified_with_all);
  }

 private:
  /// From this queue to that of the mutex.
  void let_go(phase how) noexcept {
    place& first = *static_cast<place*>(waiters_.front());
    waiters_.leave(first);
    first.now = how;
    if (first.lock->take(first.into())) {
      first.who->wake();
    } else {
      first.lock->waiters_.park(first, *first.who);
    }
  }

  detail::parking_list waiters_;
  std::size_t notified_ = 0;  ///< by notify_one, and may still hand that on
};

}  // namespace ringmill
