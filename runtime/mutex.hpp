// mutex: one task at a time, across suspensions.
//
//   rm::mutex lock;
//   {
//     const rm::mutex::guard held = co_await lock.lock();
//     co_await write_both_files();  // no other task is in here meanwhile
//   }
//
// Tasks of one loop switch at `co_await` only: a region without one needs no mutex. This one belongs to a loop; between
// threads use std::mutex, and never hold that across a `co_await`.
#pragma once

#include <optional>
#include <utility>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {

/// First come, first served. An unlock makes the one who waits longest the owner, before that one runs: nobody can
/// overtake it, and a cancel that comes after leaves it the owner until its next suspension. Not recursive: a task that
/// locks twice waits for itself. Must outlive its guards and waiters.
class mutex {
 public:
  /// Holds the mutex; its destructor unlocks. Empty if it was made so, moved from or unlocked.
  class [[nodiscard]] guard {
   public:
    guard() noexcept = default;
    guard(guard&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    guard& operator=(guard&& other) noexcept {
      if (this != &other) {
        unlock();
        owner_ = std::exchange(other.owner_, nullptr);
      }
      return *this;
    }
    ~guard() { unlock(); }

    /// Before the end of its scope; nothing happens if it is empty. Only enqueues.
    void unlock() noexcept {
      if (owner_) std::exchange(owner_, nullptr)->hand_over();
    }
    bool owns_lock() const noexcept { return owner_ != nullptr; }

   private:
    friend class mutex;
    friend class condition;
    mutex* owner_ = nullptr;
  };

 private:
  friend class condition;

  /// A place in the queue: the hand-over fills its guard, so that the mutex has an owner at every moment.
  class place : public detail::parked {
   public:
    explicit place(guard& into) noexcept : into_(into) {}
    guard& into() const noexcept { return into_; }

   private:
    guard& into_;
  };

 public:
  class [[nodiscard]] lock_awaiter {
   public:
    explicit lock_awaiter(mutex& owner) noexcept : mutex_(owner), place_(guard_) {}
    lock_awaiter(const lock_awaiter& other) noexcept : lock_awaiter(other.mutex_) {}
    bool await_ready() noexcept { return mutex_.take(guard_); }
    bool await_suspend(waiter& who) noexcept {
      mutex_.waiters_.park(place_, who);
      return true;
    }
    guard await_resume() noexcept { return std::move(guard_); }
    cancel_result await_cancel(cancel_reason) noexcept {
      mutex_.waiters_.leave(place_);
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const { out.text("a mutex", &mutex_); }

   private:
    mutex& mutex_;
    guard guard_;
    place place_;
  };

  mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;
  ~mutex() {
    RINGMILL_CHECK(waiters_.empty(), "a mutex was destroyed while tasks wait for it: it must outlive them");
    RINGMILL_CHECK(!locked_, "a mutex was destroyed while it is locked: destroy or unlock() its guard first");
  }

  /// co_await it: gives a guard; suspends only if the mutex is locked.
  lock_awaiter lock() noexcept { return lock_awaiter(*this); }

  /// A guard if the mutex is free, else nothing. Does not suspend.
  [[nodiscard]] std::optional<guard> try_lock() noexcept {
    std::optional<guard> held;
    if (!locked_) take(held.emplace());
    return held;
  }

  bool is_locked() const noexcept { return locked_; }

 private:
  bool take(guard& into) noexcept {
    if (locked_) return false;
    locked_ = true;
    into.owner_ = this;
    return true;
  }

  void hand_over() noexcept {
    if (waiters_.empty()) {
      locked_ = false;
    } else {
      static_cast<place*>(waiters_.front())->into().owner_ = this;
      waiters_.wake_front();
    }
  }

  bool locked_ = false;  ///< always, while someone waits
  detail::parking_list waiters_;
};

}  // namespace ringmill
