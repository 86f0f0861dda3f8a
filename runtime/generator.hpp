// async_generator<T>: a coroutine that gives values one after the other, and may await in between.
//
//   rm::async_generator<int> count(int last) {
//     for (int i = 0; i < last; ++i) {
//       co_await rm::sleep_for(1s);
//       co_yield i;
//     }
//   }
//   auto numbers = count(3);
//   while (std::optional<int> number = co_await numbers.next()) use(*number);
#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

template <class T>
class async_generator;

namespace detail {

/// What a generator is without its type. `promise_` becomes null when its frame was destroyed by a cancel.
class RINGMILL_API generator_base {
 public:
  generator_base(generator_base&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)), cut_(other.cut_) {
    RINGMILL_CHECK(!other.consumer_, "a generator was moved while its next() is awaited");
  }
  generator_base& operator=(generator_base&&) = delete;
  ~generator_base() {
    RINGMILL_CHECK(!consumer_, "a generator was destroyed while its next() is awaited");
    if (promise_) promise_->destroy_frame();
  }

 protected:
  explicit generator_base(promise_base* promise) noexcept : promise_(promise) {}

  promise_base* promise() const noexcept { return promise_; }
  /// Throws std::logic_error if there is nothing to go on with because of a misuse; true: it has ended.
  bool check_ended() const;
  /// Goes on to the next value; true: it is suspended, and `who` will be woken.
  bool advance(waiter& who);
  /// The consumer goes on. Between two next() nothing surrounds the body: what did may be gone.
  void consumed() noexcept {
    consumer_ = nullptr;
    if (promise_) promise_->exchange_context(nullptr);
  }

 private:
  friend class promise_base;
  /// The frame is gone: the consumer, which a cancel has brought here, may be destroyed before it could look.
  waiter& forget() noexcept {
    promise_ = nullptr;
    cut_ = true;
    return *std::exchange(consumer_, nullptr);
  }

  promise_base* promise_;
  waiter* consumer_ = nullptr;
  bool cut_ = false;
};

template <class T>
class generator_promise final : public promise_base {
 public:
  async_generator<T> get_return_object() noexcept;
  void return_void() noexcept {}
  void unhandled_exception() noexcept {
    note_unwound(where());
    error_ = std::current_exception();
  }

  template <class Value>
  requires std::is_constructible_v<T, Value&&>
  auto yield_value(Value&& value) {
    struct mark_yielded {
      generator_promise& promise;
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<>) noexcept { promise.set_state(state::yielded); }
      void await_resume() noexcept {}
    };
    value_.emplace(std::forward<Value>(value));
    return mark_yielded{*this};
  }

  /// The value that was yielded; none at the end. Throws what the body threw, once.
  std::optional<T> take() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return std::exchange(value_, std::nullopt);
  }

 private:
  std::optional<T> value_;
  std::exception_ptr error_;
};

}  // namespace detail

/// Belongs to the block that it is made in, which reads it with `next` or `for_each`; nothing of it runs in between.
/// Destroyed while it is at a `co_yield`, its frame goes at once, with all that is in it. Move-only.
template <class T>
class [[nodiscard("a generator does nothing until its next() is awaited")]] async_generator
    : public detail::generator_base {
 public:
  using promise_type = detail::generator_promise<T>;
  using value_type = T;

  class [[nodiscard]] next_awaiter {
   public:
    explicit next_awaiter(async_generator& from) noexcept : from_(from) {}
    bool await_ready() const { return from_.check_ended(); }
    bool await_suspend(waiter& who) { return from_.advance(who); }
    std::optional<T> await_resume() {
      from_.consumed();
      return from_.take();
    }
    cancel_result await_cancel(cancel_reason) noexcept { return cancel_result::forward(*from_.promise()); }
    bool await_must_resume() const noexcept { return from_.promise() != nullptr; }
    void await_describe(task_writer& out) const {
      if (from_.promise()) out.child(*from_.promise());
    }

   private:
    async_generator& from_;
  };

  /// co_await it: the next value, or nothing at the end, then and whenever it is asked again. Throws what the body
  /// throws. A cancel of it cuts the body off: asking again then throws std::logic_error.
  next_awaiter next() noexcept { return next_awaiter(*this); }

  /// co_await it: calls `use(value)` for each value, and awaits it if it gives a task. The callable is kept meanwhile.
  template <class Use>
  task<> for_each(Use use) {
    while (std::optional<T> value = co_await next()) {
      if constexpr (std::is_void_v<std::invoke_result_t<Use&, T>>) {
        detail::invoke(use, std::move(*value));
      } else {
        co_await detail::invoke(use, std::move(*value));
      }
    }
  }

 private:
  friend promise_type;
  explicit async_generator(promise_type * promise) noexcept : generator_base(promise) {}
  std::optional<T> take() { return static_cast<promise_type*>(promise())->take(); }
};

template <class T>
async_generator<T> detail::generator_promise<T>::get_return_object() noexcept {
  return async_generator<T>(this);
}

}  // namespace ringmill
