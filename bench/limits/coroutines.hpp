// The least that a coroutine can be: no owner, no cancel, no error, no loop. Functions that return these are to be
// marked noinline, or the compiler may see through them and leave the frame out.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>

#include "frames.hpp"

namespace limits {

/// Runs when its handle is resumed, and is destroyed by whoever holds that.
class routine {
 public:
  class promise_type : public in_frame_lists {
   public:
    routine get_return_object() noexcept { return routine(handle_type::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  using handle_type = std::coroutine_handle<promise_type>;

  handle_type handle() const noexcept { return handle_; }

 private:
  explicit routine(handle_type handle) noexcept : handle_(handle) {}
  handle_type handle_;
};

/// A number that another coroutine awaits: it goes straight into this one, and this one straight back into it.
class number {
 public:
  class promise_type : public in_frame_lists {
   public:
    number get_return_object() noexcept { return number(handle_type::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct go_back {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(handle_type self) noexcept { return self.promise().awaited_by_; }
        void await_resume() noexcept {}
      };
      return go_back{};
    }
    void return_value(std::uint64_t value) noexcept { value_ = value; }
    void unhandled_exception() noexcept { std::terminate(); }

   private:
    friend number;
    std::coroutine_handle<> awaited_by_;
    std::uint64_t value_ = 0;
  };
  using handle_type = std::coroutine_handle<promise_type>;

  number(number&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  number& operator=(number&&) = delete;
  ~number() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> who) noexcept {
    handle_.promise().awaited_by_ = who;
    return handle_;
  }
  std::uint64_t await_resume() noexcept { return handle_.promise().value_; }

 private:
  explicit number(handle_type handle) noexcept : handle_(handle) {}
  handle_type handle_;
};

/// co_await it: leaves the handle of the coroutine in `place`, from where it is resumed.
class suspend_into {
 public:
  explicit suspend_into(std::coroutine_handle<>& place) noexcept : place_(place) {}
  bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> who) noexcept { place_ = who; }
  void await_resume() noexcept {}

 private:
  std::coroutine_handle<>& place_;
};

}  // namespace limits
