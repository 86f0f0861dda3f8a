// broadcast: each value to all who subscribed before it was sent.
//
//   rm::broadcast<event> events(64);
//   rm::broadcast<event>::subscriber mine = events.subscribe();
//   while (std::optional<event> one = co_await mine.receive()) show(*one);  // ends after events.close()
//
// A sender never waits. A subscriber that falls behind loses the oldest values, and is told how many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/parking.hpp>
#include <ringmill/runtime/ring_buffer.hpp>

namespace ringmill {

/// A subscriber of a broadcast fell behind by more than its capacity.
class RINGMILL_API lagged_error : public std::runtime_error {
 public:
  explicit lagged_error(std::uint64_t missed)
      : std::runtime_error("a subscriber of a broadcast fell behind and missed " + std::to_string(missed) +
                           " values: receive faster or give the broadcast a larger capacity"),
        missed_(missed) {}
  /// How many values it will never see.
  std::uint64_t missed() const noexcept { return missed_; }

 private:
  std::uint64_t missed_;
};

/// Keeps the last `capacity` values, until newer ones take their places; each subscriber gets a copy. Belongs to one
/// loop; must outlive its subscribers (checked).
template <class T>
class broadcast {
  static_assert(std::is_copy_constructible_v<T>, "each subscriber gets a copy: broadcast a std::shared_ptr");

 public:
  /// Has its own place in what is sent, from when it was made. For one task at a time. Empty if it was moved from; must
  /// stay where it is while a task waits for it (checked).
  class subscriber {
   public:
    class [[nodiscard]] receive_awaiter {
     public:
      explicit receive_awaiter(subscriber& owner) noexcept : subscriber_(owner) {}
      receive_awaiter(const receive_awaiter& other) noexcept : receive_awaiter(other.subscriber_) {}
      ~receive_awaiter() { stop_waiting(); }

      bool await_ready() const {
        if (!subscriber_.owner_) throw std::logic_error("receive() of a subscriber that was moved from");
        if (subscriber_.waiting_) {
          throw std::logic_error("receive() while another task waits for this subscriber: subscribe() for each task");
        }
        return subscriber_.owner_->closed_ || subscriber_.next_ != subscriber_.owner_->end_;
      }
      bool await_suspend(waiter& who) noexcept {
        subscriber_.owner_->waiters_.park(place_, who);
        subscriber_.waiting_ = waiting_ = true;
        return true;
      }
      std::optional<T> await_resume() {
        stop_waiting();
        return subscriber_.owner_->read(subscriber_.next_);
      }
      cancel_result await_cancel(cancel_reason) noexcept {
        subscriber_.owner_->waiters_.leave(place_);
        stop_waiting();
        return cancel_result::done();
      }
      bool await_must_resume() const noexcept { return true; }
      void await_describe(task_writer& out) const { out.text("a broadcast", subscriber_.owner_); }

     private:
      void stop_waiting() noexcept {
        if (std::exchange(waiting_, false)) subscriber_.waiting_ = false;
      }
      subscriber& subscriber_;
      detail::parked place_;
      bool waiting_ = false;
    };

    subscriber(subscriber&& other) noexcept { take(other); }
    subscriber& operator=(subscriber&& other) noexcept {
      if (this != &other) {
        leave();
        take(other);
      }
      return *this;
    }
    ~subscriber() { leave(); }

    /// co_await it: a copy of the next value; nothing if the broadcast is closed and this has seen all of it. Suspends
    /// if there is none yet. Throws lagged_error if values were lost, once; the next call goes on with the oldest that
    /// is left. One that waits is woken by a send and reads when it runs, so it can lag as well. After a cancel, or a
    /// copy that threw, the value is still to come. Throws std::logic_error if another task waits here, or this is
    /// empty.
    receive_awaiter receive() noexcept { return receive_awaiter(*this); }

   private:
    friend class broadcast;
    explicit subscriber(broadcast& owner) noexcept : owner_(&owner), next_(owner.end_) { ++owner.subscribers_; }

    void take(subscriber& other) noexcept {
      other.check_idle();
      owner_ = std::exchange(other.owner_, nullptr);
      next_ = other.next_;
    }
    void leave() noexcept {
      check_idle();
      if (owner_) --std::exchange(owner_, nullptr)->subscribers_;
    }
    void check_idle() const noexcept {
      RINGMILL_CHECK(!waiting_, "a subscriber was moved or destroyed while a task waits for it: it must outlive that");
    }

    broadcast* owner_ = nullptr;
    std::uint64_t next_ = 0;  ///< the number of the value that comes next
    bool waiting_ = false;
  };

  /// All memory for values is allocated here. Throws std::invalid_argument if `capacity` is zero.
  explicit broadcast(std::size_t capacity) : kept_(capacity) {
    if (capacity == 0) throw std::invalid_argument("a broadcast that keeps no value: give it a capacity of 1 or more");
  }
  broadcast(const broadcast&) = delete;
  broadcast& operator=(const broadcast&) = delete;
  ~broadcast() {
    RINGMILL_CHECK(subscribers_ == 0, "a broadcast was destroyed before its subscribers: declare it in front of them");
  }

  /// From the next value on.
  [[nodiscard]] subscriber subscribe() noexcept { return subscriber(*this); }

  /// To all who are subscribed; without any the value is dropped. Never waits; only enqueues. False if it is closed.
  bool send(T value) {
    if (closed_) return false;
    if (subscribers_ == 0) return true;
    if (kept_.full()) kept_.pop();
    kept_.push(std::move(value));
    ++end_;
    wake_all();
    return true;
  }

  /// Subscribers get what is left for them, then nothing. Idempotent; only enqueues.
  void close() noexcept {
    closed_ = true;
    wake_all();
  }
  bool is_closed() const noexcept { return closed_; }

  std::size_t subscribers() const noexcept { return subscribers_; }
  std::size_t capacity() const noexcept { return kept_.capacity(); }

 private:
  void wake_all() noexcept {
    while (!waiters_.empty()) waiters_.wake_front();
  }

  std::optional<T> read(std::uint64_t& next) const {
    if (next == end_) return std::nullopt;
    const std::uint64_t oldest = end_ - kept_.size();
    if (next < oldest) throw lagged_error(oldest - std::exchange(next, oldest));
    std::optional<T> copy(kept_[static_cast<std::size_t>(next - oldest)]);
    ++next;
    return copy;
  }

  detail::ring_buffer<T> kept_;
  std::uint64_t end_ = 0;  ///< how many were sent; values are numbered in that order
  detail::parking_list waiters_;
  std::size_t subscribers_ = 0;
  bool closed_ = false;
};

}  // namespace ringmill
