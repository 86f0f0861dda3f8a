// task<T>: a coroutine that gives a T, started when it is awaited.
//
//   rm::task<int> answer() { co_return 42; }
//   rm::task<> ask() { int n = co_await answer(); }
#pragma once

#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include <ringmill/runtime/promise.hpp>

namespace ringmill {

template <class T>
class task;

namespace detail {

/// What a task is without its type: the handle on a coroutine, and while it is awaited the one who waits for it.
/// `promise_` becomes null when the coroutine was destroyed by a cancel.
class RINGMILL_API task_base {
 public:
  task_base(task_base&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) { check_idle(); }
  task_base& operator=(task_base&& other) noexcept {
    if (this != &other) {
      discard();
      promise_ = std::exchange(other.promise_, nullptr);
      check_idle();
    }
    return *this;
  }
  ~task_base() { discard(); }

  // The awaiter protocol (runtime/awaiter.hpp).
  bool await_ready() const {
    if (!promise_ || promise_->was_started() || promise_->is_woken()) {
      throw std::logic_error(
          "co_await on a task that was awaited before or moved from: a task can be awaited only once");
    }
    return false;
  }
  static constexpr bool takes_inline_budget = true;
  static constexpr bool is_task = true;
  bool await_suspend(waiter& who) {
    if (take_inline_budget()) return start(who);
    start_later(who);
    return true;
  }
  cancel_result await_cancel(cancel_reason) noexcept { return cancel_result::forward(*promise_); }
  bool await_must_resume() const noexcept { return promise_ != nullptr; }
  void await_describe(task_writer& out) const {
    if (promise_) out.child(*promise_);
  }

  /// Like await_suspend, with the request to cancel already there: the body runs until it would suspend, and not on.
  bool start_cancelled(waiter& who, cancel_reason why) {
    promise_->why_cancelled_ = why;
    return start(who);
  }
  /// Like await_suspend, but nothing of the body runs inside this call.
  void start_later(waiter& who) noexcept {
    prepare(who);
    promise_->wake();
  }

 protected:
  explicit task_base(promise_base* promise) noexcept : promise_(promise) {}
  promise_base* promise() const noexcept { return promise_; }

 private:
  friend class promise_base;
  friend class ringmill::nursery;
  friend class ringmill::loop;

  void prepare(waiter& who) noexcept {
    waiter_ = &who;
    promise_->slot_ = this;
    promise_->exchange_context(who.context());
  }
  bool start(waiter& who) {
    prepare(who);
    promise_->resume();
    return !promise_->has_ended();
  }
  void check_idle() const noexcept {
    RINGMILL_CHECK(!promise_ || !promise_->was_started(), "a task was moved while it is running");
  }
  void discard() noexcept {
    if (!promise_) return;
    RINGMILL_CHECK(!promise_->is_woken() && (!promise_->was_started() || promise_->has_ended()),
                   "a task was destroyed while it is running: whoever awaits it must outlive it");
    promise_->handle().destroy();
    promise_ = nullptr;
  }

  promise_base* promise_;
  waiter* waiter_ = nullptr;
};

template <class T>
class task_promise final : public promise_base {
 public:
  using stored = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>;

  task<T> get_return_object() noexcept { return task<T>(this); }
  template <class Value>
  requires std::is_constructible_v<T, Value&&>
  void return_value(Value&& value) {
    if constexpr (std::is_reference_v<T>) {
      result_.template emplace<1>(__builtin_addressof(value));
    } else {
      result_.template emplace<1>(std::forward<Value>(value));
    }
  }
  void unhandled_exception() noexcept {
    note_unwound(where());
    result_.template emplace<2>(std::current_exception());
  }

  stored& result_in_place() {
    if (result_.index() == 2) std::rethrow_exception(std::get<2>(std::move(result_)));
    return std::get<1>(result_);
  }
  T take() {
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*result_in_place());
    } else {
      return std::move(result_in_place());
    }
  }

 private:
  std::variant<std::monostate, stored, std::exception_ptr> result_;
};

template <>
class task_promise<void> final : public promise_base {
 public:
  task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void unhandled_exception() noexcept {
    note_unwound(where());
    error_ = std::current_exception();
  }
  void take() {
    if (error_) std::rethrow_exception(std::move(error_));
  }
  std::exception_ptr take_error() noexcept { return std::move(error_); }

 private:
  std::exception_ptr error_;
};

}  // namespace detail

/// A lazy coroutine. Nothing of it runs before it is awaited (once, as an rvalue); one that never is, is destroyed
/// unrun. `co_await` gives its value or throws its error. Move-only; must not be moved once it runs (checked).
template <class T = void>
class [[nodiscard("a task does nothing until it is awaited")]] task : public detail::task_base {
 public:
  using promise_type = detail::task_promise<T>;
  using value_type = T;

  T await_resume() {
    static_assert(alignof(promise_type) <= 2 * sizeof(void*),
                  "task<T> of an over-aligned T: put it behind a unique_ptr");
    RINGMILL_CHECK(promise(), "the result of a cancelled task was asked for");
    return static_cast<promise_type*>(promise())->take();
  }
  /// For whoever has the task: the same, but the value stays in it, and is not moved.
  auto& result_in_place() requires(!std::is_void_v<T> && !std::is_reference_v<T>) {
    RINGMILL_CHECK(promise(), "the result of a cancelled task was asked for");
    return static_cast<promise_type*>(promise())->result_in_place();
  }

 private:
  friend promise_type;
  explicit task(promise_type * promise) noexcept : task_base(promise) {}
};

inline task<void> detail::task_promise<void>::get_return_object() noexcept { return task<void>(this); }

}  // namespace ringmill
