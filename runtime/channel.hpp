// channel: values from many senders to many receivers, each value to one of them.
//
//   rm::channel<page> fetched(16);
//   children.start(fetch_all, fetched.make_sender());  // in there: co_await out.send(std::move(one))
//   while (std::optional<page> one = co_await fetched.receive()) store(*one);  // ends when fetch_all has
//
// Between tasks of one loop. For all to see each value use broadcast, for the latest value watch, for one value in all
// oneshot.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/parking.hpp>
#include <ringmill/runtime/ring_buffer.hpp>

namespace ringmill {

/// Holds up to `capacity` values that nobody has received; with none a sender waits until its value is taken. First
/// come, first served, on both sides: a value goes straight to the receiver that waits longest, before that one runs,
/// and a place that becomes free to the sender that does. A cancel that comes after takes neither back.
///
/// A value is moved at the moment when it is accepted and not before: a send that was cancelled, timed out or refused
/// has left it where it was. That takes a move that cannot throw, since it may happen inside a call of another task.
///
/// Must outlive its waiters and senders (checked). Values that are still in it are destroyed with it.
template <class T>
class channel {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>, "a channel holds values: for a reference send a pointer");
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "a value is handed over inside a call of another task, where a move must not throw: send a unique_ptr");

  class send_place : public detail::parked {
   public:
    explicit send_place(T& given) noexcept : value(given) {}
    T& value;
    bool accepted = false;
  };
  class receive_place : public detail::parked {
   public:
    std::optional<T> value;
  };

 public:
  class [[nodiscard]] send_awaiter {
   public:
    send_awaiter(channel& owner, T& value) noexcept : channel_(owner), place_(value) {}
    send_awaiter(const send_awaiter& other) noexcept : send_awaiter(other.channel_, other.place_.value) {}
    bool await_ready() noexcept {
      place_.accepted = channel_.accept(place_.value);
      return place_.accepted || channel_.closed_;
    }
    bool await_suspend(waiter& who) noexcept {
      channel_.senders_.park(place_, who);
      return true;
    }
    bool await_resume() const noexcept { return place_.accepted; }
    cancel_result await_cancel(cancel_reason) noexcept {
      channel_.senders_.leave(place_);
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const { out.text("send to a channel", &channel_); }

   private:
    channel& channel_;
    send_place place_;
  };

  class [[nodiscard]] receive_awaiter {
   public:
    explicit receive_awaiter(channel& owner) noexcept : channel_(owner) {}
    receive_awaiter(const receive_awaiter& other) noexcept : channel_(other.channel_) {}
    bool await_ready() noexcept { return channel_.take(place_.value) || channel_.closed_; }
    bool await_suspend(waiter& who) noexcept {
      channel_.receivers_.park(place_, who);
      return true;
    }
    std::optional<T> await_resume() noexcept {
      // Not a move of the optional: GCC reads at once what was written as a value and a flag, and the processor waits
      // for that. A value through a buffer took 15 ns then, and takes 9.
      if (!place_.value) return std::nullopt;
      return std::optional<T>(std::move(*place_.value));
    }
    cancel_result await_cancel(cancel_reason) noexcept {
      channel_.receivers_.leave(place_);
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const { out.text("receive from a channel", &channel_); }

   private:
    channel& channel_;
    receive_place place_;
  };

  /// One of those that send. Copies count: when the last one is destroyed the channel closes. While more are to be
  /// made, keep one. Empty if it was moved from or released.
  class sender {
   public:
    sender(const sender& other) noexcept : sender(other.owner_) {}
    sender(sender&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    sender& operator=(sender other) noexcept {
      std::swap(owner_, other.owner_);
      return *this;
    }
    ~sender() { release(); }

    /// As channel::send and channel::try_send. Throw std::logic_error if this is empty.
    send_awaiter send(T&& value) { return owner().send(std::move(value)); }
    [[nodiscard]] bool try_send(T&& value) { return owner().try_send(std::move(value)); }

    /// Before the end of its scope; nothing happens if it is empty. Only enqueues.
    void release() noexcept {
      channel* const released = std::exchange(owner_, nullptr);
      if (released && --released->sender_count_ == 0) released->close();
    }

   private:
    friend class channel;
    explicit sender(channel* owner) noexcept : owner_(owner) {
      if (owner_) ++owner_->sender_count_;
    }
    channel& owner() const {
      if (!owner_) throw std::logic_error("send() of a channel's sender that was moved from or released");
      return *owner_;
    }
    channel* owner_;
  };

  /// All the memory that it will use is allocated here.
  explicit channel(std::size_t capacity) : buffer_(capacity) {}
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  ~channel() {
    RINGMILL_CHECK(senders_.empty() && receivers_.empty(),
                   "a channel was destroyed while tasks wait for it: it must outlive them");
    RINGMILL_CHECK(sender_count_ == 0, "a channel was destroyed before its senders: declare it in front of them");
  }

  /// co_await it: true when the value was accepted, moved out of `value`; false if the channel is closed, and `value`
  /// is as it was. Suspends if there is no room and nobody waits to receive. `value` has to live until then, as in
  /// `co_await c.send(std::move(x))` and `co_await c.send(make())`; GCC 12 destroys an aggregate that is made inside of
  /// a co_await twice: name it first, and move it.
  send_awaiter send(T&& value) noexcept { return send_awaiter(*this, value); }

  /// co_await it: the next value; nothing if the channel is closed and drained. Suspends if there is none yet.
  receive_awaiter receive() noexcept { return receive_awaiter(*this); }

  /// The same without suspending. False, and `value` is as it was: the channel is closed, or send would suspend.
  [[nodiscard]] bool try_send(T&& value) noexcept { return accept(value); }
  /// Nothing: the channel is drained, closed or not.
  [[nodiscard]] std::optional<T> try_receive() noexcept {
    std::optional<T> value;
    take(value);
    return value;
  }

  /// For a task that sends: the channel closes when all senders that were made are gone.
  [[nodiscard]] sender make_sender() noexcept { return sender(this); }

  /// Nothing is accepted any more; what is in it can still be received. Senders that wait are refused, receivers that
  /// wait get nothing. Idempotent; only enqueues.
  void close() noexcept {
    closed_ = true;
    while (!senders_.empty()) senders_.wake_front();
    while (!receivers_.empty()) receivers_.wake_front();
  }
  bool is_closed() const noexcept { return closed_; }

  /// Values that were accepted and not received.
  std::size_t size() const noexcept { return buffer_.size(); }
  std::size_t capacity() const noexcept { return buffer_.capacity(); }

 private:
  // While a receiver waits the buffer is empty and no sender waits; while a sender waits the buffer is full.

  bool accept(T& value) noexcept {
    if (closed_) return false;
    if (!receivers_.empty()) {
      static_cast<receive_place*>(receivers_.front())->value.emplace(std::move(value));
      receivers_.wake_front();
      return true;
    }
    if (buffer_.full()) return false;
    buffer_.push(std::move(value));
    return true;
  }

  bool take(std::optional<T>& into) noexcept {
    if (!buffer_.empty()) {
      into.emplace(std::move(buffer_.front()));
      buffer_.pop();
      if (!senders_.empty()) buffer_.push(std::move(accept_front()));
      return true;
    }
    if (senders_.empty()) return false;
    into.emplace(std::move(accept_front()));
    return true;
  }

  /// Tells the sender that waits longest that its value is accepted; it does not run before that has been moved.
  T& accept_front() noexcept {
    send_place& first = *static_cast<send_place*>(senders_.front());
    first.accepted = true;
    senders_.wake_front();
    return first.value;
  }

  detail::ring_buffer<T> buffer_;
  detail::parking_list senders_;
  detail::parking_list receivers_;
  std::size_t sender_count_ = 0;
  bool closed_ = false;
};

}  // namespace ringmill
