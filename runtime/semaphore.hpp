// semaphore: at most N at a time, first come, first served.
#pragma once

#include <cstddef>
#include <utility>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {

/// `release` hands a permit straight to the one who waits longest, before that one runs: nobody can overtake it.
/// Must outlive its waiters and permits.
class semaphore {
 public:
  /// One permit, given back by its destructor.
  class permit {
   public:
    permit() noexcept = default;
    permit(permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    permit& operator=(permit&& other) noexcept {
      if (this != &other) {
        release();
        owner_ = std::exchange(other.owner_, nullptr);
      }
      return *this;
    }
    ~permit() { release(); }
    void release() noexcept {
      if (owner_) std::exchange(owner_, nullptr)->release();
    }

   private:
    friend class semaphore;
    explicit permit(semaphore& owner) noexcept : owner_(&owner) {}
    semaphore* owner_ = nullptr;
  };

  class [[nodiscard]] acquire_awaiter {
   public:
    explicit acquire_awaiter(semaphore& owner) noexcept : semaphore_(owner) {}
    acquire_awaiter(const acquire_awaiter& other) noexcept : semaphore_(other.semaphore_) {}
    bool await_ready() const noexcept {
      if (semaphore_.available_ == 0) return false;
      --semaphore_.available_;
      return true;
    }
    bool await_suspend(waiter& who) noexcept {
      semaphore_.waiters_.park(place_, who);
      return true;
    }
    permit await_resume() const noexcept { return permit(semaphore_); }
    cancel_result await_cancel() noexcept {
      semaphore_.waiters_.leave(place_);
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return false; }

   private:
    semaphore& semaphore_;
    detail::parked place_;
  };

  explicit semaphore(std::size_t permits) noexcept : available_(permits) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  ~semaphore() { RINGMILL_CHECK(waiters_.empty(), "a semaphore was destroyed while tasks wait for it"); }

  /// co_await it: gives a permit; suspends only if none is free.
  acquire_awaiter acquire() noexcept { return acquire_awaiter(*this); }
  std::size_t available() const noexcept { return available_; }

 private:
  void release() noexcept {
    if (waiters_.empty()) {
      ++available_;
    } else {
      waiters_.wake_front();
    }
  }

  std::size_t available_;
  detail::parking_list waiters_;
};

}  // namespace ringmill
