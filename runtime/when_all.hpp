// when_all: several awaitables at once; comes back when all have ended.
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/promise.hpp>

namespace ringmill {

namespace detail {

template <class T>
using void_to_monostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// What the children of a when_all have in common: how many are left, the first error, and whom to wake.
class gathering {
 public:
  gathering() noexcept = default;

  waiter* joiner = nullptr;
  std::size_t left = 0;
  bool cut = false;  ///< a child was ended by a cancel
  std::exception_ptr error;
};

/// One awaitable in a when_all, started and watched.
template <awaiter Inner>
class gathered : public callback_waiter {
 public:
  using value_type = void_to_monostate<await_result_t<Inner>>;

  explicit gathered(Inner&& inner) : callback_waiter(&ended), inner_(std::move(inner)) {}
  gathered(gathered&& other) : callback_waiter(&ended), inner_(std::move(other.inner_)) {}

  /// Starts it; a false answer of its await_suspend is taken as its end. `note_error` runs when it ended with one.
  void start(gathering& all) {
    all_ = &all;
    try {
      if (!inner_.await_ready() && inner_.await_suspend(*this)) {
        outstanding_ = true;
        ++all.left;
        return;
      }
      take();
    } catch (...) {
      fail();
    }
  }

  /// Asks it to stop if it runs; only enqueues.
  void cancel() noexcept {
    if (!outstanding_ || asked_ || is_woken()) return;
    asked_ = true;
    const cancel_result answer = inner_.await_cancel();
    if (answer.is_done()) {
      stopped_ = true;
      wake();
    } else if (answer.next()) {
      request_cancel(*answer.next());
    }
  }

  bool failed() const noexcept { return failed_; }
  value_type value() { return std::move(*value_); }
  void on_failure(void (*call)(void*) noexcept, void* with) noexcept {
    on_failure_ = call;
    failure_argument_ = with;
  }

 private:
  void take() {
    if constexpr (std::is_void_v<await_result_t<Inner>>) {
      inner_.await_resume();
      value_.emplace();
    } else {
      value_.emplace(inner_.await_resume());
    }
  }
  void fail() noexcept {
    failed_ = true;
    if (!all_->error) all_->error = std::current_exception();
  }

  static void ended(callback_waiter& base) noexcept {
    auto& self = static_cast<gathered&>(base);
    self.outstanding_ = false;
    if (self.stopped_ || (self.asked_ && !self.inner_.await_must_resume())) {
      self.all_->cut = true;
    } else {
      try {
        self.take();
      } catch (...) {
        self.fail();
        self.on_failure_(self.failure_argument_);
      }
    }
    if (--self.all_->left == 0) self.all_->joiner->wake();
  }

  Inner inner_;
  gathering* all_ = nullptr;
  void (*on_failure_)(void*) noexcept = nullptr;
  void* failure_argument_ = nullptr;
  bool outstanding_ = false;
  bool asked_ = false;
  bool stopped_ = false;
  bool failed_ = false;
  std::optional<value_type> value_;
};

/// The awaiter of both forms of when_all; `Children` holds the gathered ones, `for_each` walks them.
template <class Children, class Derived>
class gather_awaiter {
 public:
  bool await_ready() const noexcept { return false; }

  bool await_suspend(waiter& who) {
    all_.joiner = &who;
    all_.left = 1;  // this call itself: no child's end wakes anyone before all have been started
    self().for_each([&](auto& child) {
      if (all_.error) return;
      child.on_failure([](void* gather) noexcept { static_cast<gather_awaiter*>(gather)->cancel_children(); }, this);
      child.start(all_);
    });
    if (all_.error) cancel_children();
    return --all_.left != 0;
  }

  cancel_result await_cancel() noexcept {
    cancel_children();
    return cancel_result::pending();
  }

  bool await_must_resume() const noexcept { return all_.error || !all_.cut; }

 protected:
  void rethrow_error() {
    if (all_.error) std::rethrow_exception(std::move(all_.error));
  }

 private:
  Derived& self() noexcept { return static_cast<Derived&>(*this); }
  void cancel_children() noexcept {
    self().for_each([](auto& child) { child.cancel(); });
  }
  gathering all_;
};

template <awaiter... Inner>
class when_all_tuple : public gather_awaiter<std::tuple<gathered<Inner>...>, when_all_tuple<Inner...>> {
 public:
  explicit when_all_tuple(Inner&&... inner) : children_(std::move(inner)...) {}

  std::tuple<typename gathered<Inner>::value_type...> await_resume() {
    this->rethrow_error();
    return std::apply(
        [](auto&... child) { return std::tuple<typename gathered<Inner>::value_type...>(child.value()...); }, children_);
  }

  template <class Function>
  void for_each(Function call) {
    std::apply([&](auto&... child) { (call(child), ...); }, children_);
  }

 private:
  std::tuple<gathered<Inner>...> children_;
};

template <awaiter Inner>
class when_all_range : public gather_awaiter<std::vector<gathered<Inner>>, when_all_range<Inner>> {
 public:
  explicit when_all_range(std::vector<Inner>&& inner) {
    children_.reserve(inner.size());
    for (Inner& one : inner) children_.emplace_back(std::move(one));
  }

  std::vector<typename gathered<Inner>::value_type> await_resume() {
    this->rethrow_error();
    std::vector<typename gathered<Inner>::value_type> values;
    values.reserve(children_.size());
    for (auto& child : children_) values.push_back(child.value());
    return values;
  }

  template <class Function>
  void for_each(Function call) {
    for (auto& child : children_) call(child);
  }

 private:
  std::vector<gathered<Inner>> children_;
};

}  // namespace detail

/// co_await it: starts all, in order, and gives a tuple of their values (std::monostate for void) when the last has
/// ended. The first error cancels the others and is thrown when they have ended; those not started by then never are.
template <awaiter... Inner>
[[nodiscard]] detail::when_all_tuple<Inner...> when_all(Inner... inner) {
  return detail::when_all_tuple<Inner...>(std::move(inner)...);
}

/// The same for any number of one kind: gives a vector of their values, in the order of `inner`.
template <awaiter Inner>
[[nodiscard]] detail::when_all_range<Inner> when_all(std::vector<Inner> inner) {
  return detail::when_all_range<Inner>(std::move(inner));
}

}  // namespace ringmill
