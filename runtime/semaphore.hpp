// semaphore: at most N at a time, first come, first served.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/parking.hpp>

namespace ringmill {

/// `release` hands permits straight to the one who waits longest, before that one runs: nobody can overtake it. One
/// that waits for many holds back those behind it that want fewer, else it could wait for ever; if it is cancelled they
/// go on. Must outlive its waiters and permits.
class semaphore {
 public:
  /// One permit, or as many as were asked for at once; given back by its destructor. Move-only.
  class permit {
   public:
    permit() noexcept = default;
    permit(permit&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    permit& operator=(permit&& other) noexcept {
      if (this != &other) {
        release();
        owner_ = std::exchange(other.owner_, nullptr);
        count_ = std::exchange(other.count_, 0);
      }
      return *this;
    }
    ~permit() { release(); }
    /// Before the end of its scope; nothing happens if it holds none. Only enqueues.
    void release() noexcept {
      if (owner_) std::exchange(owner_, nullptr)->release(std::exchange(count_, 0));
    }
    /// How many it holds.
    std::size_t count() const noexcept { return count_; }

   private:
    friend class semaphore;
    permit(semaphore& owner, std::size_t count) noexcept : owner_(&owner), count_(count) {}
    semaphore* owner_ = nullptr;
    std::size_t count_ = 0;
  };

 private:
  class place : public detail::parked {
   public:
    explicit place(std::size_t count) noexcept : count_(count) {}
    std::size_t count() const noexcept { return count_; }

   private:
    std::size_t count_;
  };

 public:
  class [[nodiscard]] acquire_awaiter {
   public:
    acquire_awaiter(semaphore& owner, std::size_t count) noexcept : semaphore_(owner), place_(count) {}
    acquire_awaiter(const acquire_awaiter& other) noexcept : acquire_awaiter(other.semaphore_, other.place_.count()) {}
    bool await_ready() const noexcept { return semaphore_.waiters_.empty() && semaphore_.take(place_.count()); }
    bool await_suspend(waiter& who) noexcept {
      semaphore_.waiters_.park(place_, who);
      return true;
    }
    permit await_resume() const noexcept { return permit(semaphore_, place_.count()); }
    cancel_result await_cancel(cancel_reason) noexcept {
      semaphore_.waiters_.leave(place_);
      semaphore_.serve();  // those behind may want fewer
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const {
      if (place_.count() == 1) {
        out.text("a semaphore", &semaphore_);
      } else {
        out.text(std::to_string(place_.count()) + " permits of a semaphore", &semaphore_);
      }
    }

   private:
    semaphore& semaphore_;
    place place_;
  };

  explicit semaphore(std::size_t permits) noexcept : total_(permits), available_(permits) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  ~semaphore() {
    RINGMILL_CHECK(waiters_.empty(), "a semaphore was destroyed while tasks wait for it: it must outlive them");
    RINGMILL_CHECK(available_ == total_, "a semaphore was destroyed before its permits: declare it in front of them");
  }

  /// co_await it: gives a permit; suspends only if none is free or others wait.
  acquire_awaiter acquire() noexcept { return acquire_awaiter(*this, 1); }

  /// co_await it: gives a permit that holds `count`, all at once. Throws std::invalid_argument, at the call, if that is
  /// zero, or more than there are in all: it would wait for ever.
  acquire_awaiter acquire(std::size_t count) {
    if (count == 0 || count > total_) {
      throw std::invalid_argument("semaphore::acquire(" + std::to_string(count) + "): it has " +
                                  std::to_string(total_) + " permits, ask for one up to all of them");
    }
    return acquire_awaiter(*this, count);
  }

  /// Permits that nobody holds. While someone waits for more than that, nobody else gets them.
  std::size_t available() const noexcept { return available_; }
  /// Permits in all.
  std::size_t total() const noexcept { return total_; }

 private:
  bool take(std::size_t count) noexcept {
    if (available_ < count) return false;
    available_ -= count;
    return true;
  }

  void release(std::size_t count) noexcept {
    available_ += count;
    serve();
  }

  void serve() noexcept {
    while (!waiters_.empty() && take(static_cast<place*>(waiters_.front())->count())) waiters_.wake_front();
  }

  const std::size_t total_;
  std::size_t available_;
  detail::parking_list waiters_;
};

}  // namespace ringmill
