// oneshot: one value, once, from one task to another. A promise and a future within a loop.
//
//   rm::oneshot<int> answer;
//   children.start(ask, answer.make_sender());  // in there: to.set_value(42)
//   int n = co_await answer.get();
#pragma once

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/detail/shared_ptr.hpp>
#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/result.hpp>

namespace ringmill {

/// The sender of a oneshot was destroyed and had set neither a value nor an error: its task was cancelled or failed.
class RINGMILL_API abandoned_error : public std::runtime_error {
 public:
  abandoned_error() : std::runtime_error("the sender of a oneshot was destroyed without a value") {}
};

/// The receiving side; the other one is what `make_sender` gives. Neither has to outlive the other: they share a piece
/// of memory. Belongs to one loop. T may be void or a reference. Move-only; empty if it was moved from.
template <class T = void>
class oneshot {
  enum class phase : std::uint8_t { no_sender, open, set, abandoned, taken };

  class shared_state {
   public:
    void end(phase how) noexcept {
      now = how;
      if (who) std::exchange(who, nullptr)->wake();
    }
    phase now = phase::no_sender;
    waiter* who = nullptr;
    result<T> outcome;
  };

 public:
  class [[nodiscard]] get_awaiter {
   public:
    explicit get_awaiter(std::shared_ptr<shared_state> state) noexcept : state_(std::move(state)) {}
    bool await_ready() const {
      if (state_->now == phase::taken) throw std::logic_error("oneshot::get() of a value that was taken before");
      if (state_->now == phase::no_sender)
        throw std::logic_error("oneshot::get() before make_sender(): who will set it?");
      if (state_->who) throw std::logic_error("oneshot::get() while another task waits for the same value");
      return state_->now != phase::open;
    }
    bool await_suspend(waiter& who) noexcept {
      state_->who = &who;
      return true;
    }
    T await_resume() {
      if (state_->now == phase::abandoned) throw abandoned_error();
      if (state_->now == phase::taken) throw std::logic_error("oneshot::get() of a value that another task took first");
      state_->now = phase::taken;
      return std::move(state_->outcome).value();
    }
    cancel_result await_cancel(cancel_reason) noexcept {
      state_->who = nullptr;
      return cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }
    void await_describe(task_writer& out) const { out.text("a oneshot", state_.get()); }

   private:
    std::shared_ptr<shared_state> state_;
  };

  /// The sending side. Move-only; empty if it was moved from. Destroyed without a value, it lets the other side know.
  class sender {
   public:
    sender(sender&& other) noexcept = default;
    sender& operator=(sender&& other) noexcept {
      if (this != &other) {
        abandon();
        state_ = std::move(other.state_);
      }
      return *this;
    }
    ~sender() { abandon(); }

    /// Once, one of the three; they throw std::logic_error if that was done before, or this is empty. Only enqueue. If
    /// nobody receives it any more, what is set is destroyed with this.
    void set_value(detail::stored_t<T> value) requires(!std::is_void_v<T>) { set(result<T>(std::move(value))); }
    void set_value() requires std::is_void_v<T> { set(result<T>(std::monostate())); }
    /// To be thrown from `get`; not null.
    void set_error(std::exception_ptr error) {
      if (!error) throw std::logic_error("set_error() of a oneshot without an error");
      set(result<T>(std::move(error)));
    }

   private:
    friend class oneshot;
    explicit sender(std::shared_ptr<shared_state> state) noexcept : state_(std::move(state)) {}

    void set(result<T> outcome) {
      if (!state_) throw std::logic_error("a oneshot's sender was used that was moved from");
      if (state_->now != phase::open) throw std::logic_error("a oneshot was set twice: it carries one value, once");
      state_->outcome = std::move(outcome);
      state_->end(phase::set);
    }
    void abandon() noexcept {
      if (state_ && state_->now == phase::open) state_->end(phase::abandoned);
    }

    std::shared_ptr<shared_state> state_;
  };

  oneshot() : state_(std::make_shared<shared_state>()) {}
  oneshot(oneshot&&) noexcept = default;
  oneshot& operator=(oneshot&&) noexcept = default;
  ~oneshot() = default;

  /// There is one: throws std::logic_error if it was made before.
  [[nodiscard]] sender make_sender() {
    if (state().now != phase::no_sender)
      throw std::logic_error("oneshot::make_sender() twice: one value has one sender");
    state_->now = phase::open;
    return sender(state_);
  }

  /// co_await it: the value, moved out, or the error that was set; abandoned_error if the sender was destroyed without
  /// either. Suspends if there is nothing yet. A get that was cancelled or timed out has taken nothing: it can be tried
  /// again. Throws std::logic_error if there never was a sender, another task waits, the value was taken or this is
  /// empty.
  get_awaiter get() {
    static_cast<void>(state());
    return get_awaiter(state_);
  }

 private:
  shared_state& state() const {
    if (!state_) throw std::logic_error("a oneshot was used that was moved from");
    return *state_;
  }
  std::shared_ptr<shared_state> state_;
};

}  // namespace ringmill
