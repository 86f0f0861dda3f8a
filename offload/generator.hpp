// offload::generator<T>: what a function returns that gives values one after the other to `run_stream`.
//
//   rm::offload::generator<int> primes(int below) {
//     for (int n = 2; n < below; ++n) {
//       if (is_prime(n)) co_yield n;
//     }
//   }
//
// A range that can be walked through once, without a loop and without `co_await`: it runs on while somebody asks for
// the next value. It is what std::generator is in C++23, as far as it is needed here.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <string_view>  // std::default_sentinel_t, without the stream iterators of <iterator>
#include <type_traits>
#include <utility>

namespace ringmill::offload {

/// Move-only. Destroyed before its end, its frame goes with all that is in it.
template <class T>
class [[nodiscard("a generator does nothing until somebody walks through it")]] generator {
 public:
  class promise_type {
   public:
    generator get_return_object() noexcept { return generator(handle::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    template <class Value>
    requires std::is_constructible_v<T, Value&&> std::suspend_always yield_value(Value&& value) {
      value_.emplace(std::forward<Value>(value));
      return {};
    }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { error_ = std::current_exception(); }
    /// There is no loop where it runs.
    template <class Awaiter>
    void await_transform(Awaiter&&) = delete;

   private:
    friend generator;
    std::optional<T> value_;
    std::exception_ptr error_;
  };

  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    explicit iterator(generator& from) noexcept : from_(&from) {}
    /// The value may be moved out.
    T&& operator*() const noexcept { return std::move(*from_->frame_.promise().value_); }
    iterator& operator++() {
      from_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return from_->frame_.done(); }

   private:
    generator* from_;
  };

  generator(generator && other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  generator& operator=(generator&&) = delete;
  ~generator() {
    if (frame_) frame_.destroy();
  }

  /// Runs on to the first value; once. It and `++` throw what the body throws.
  iterator begin() {
    advance();
    return iterator(*this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  using handle = std::coroutine_handle<promise_type>;
  explicit generator(handle frame) noexcept : frame_(frame) {}

  void advance() {
    frame_.resume();
    if (frame_.promise().error_) std::rethrow_exception(std::exchange(frame_.promise().error_, nullptr));
  }

  handle frame_;
};

}  // namespace ringmill::offload
