// result<T>: how something ended, as a value: with a T, with an error, or cancelled.
//
//   const rm::result<int> answer = co_await rm::as_result(ask());
//   if (!answer) complain(answer.error());
#pragma once

#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/promise.hpp>

namespace ringmill {

namespace detail {

/// How a T is kept where void and references cannot be: std::monostate, std::reference_wrapper, else T itself.
template <class T>
struct stored_as {
  using type = std::remove_cvref_t<T>;
};
template <class T>
struct stored_as<T&> {
  using type = std::reference_wrapper<T>;
};
template <>
struct stored_as<void> {
  using type = std::monostate;
};
template <class T>
using stored_t = typename stored_as<T>::type;

}  // namespace detail

/// A value, an error, or neither: then it was cancelled. T may be void or a reference.
template <class T = void>
class [[nodiscard]] result {
 public:
  using value_type = T;
  using stored_type = detail::stored_t<T>;

  /// One that was cancelled.
  result() noexcept = default;
  result(stored_type value) : state_(std::in_place_index<1>, std::move(value)) {}
  /// One that failed; `error` is not null.
  explicit result(std::exception_ptr error) noexcept : state_(std::in_place_index<2>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 1; }
  bool has_error() const noexcept { return state_.index() == 2; }
  bool is_cancelled() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value; throws the error if it is one, and operation_cancelled if it was cancelled. The value of an rvalue is
  /// moved out.
  decltype(auto) value() & { return get(*this); }
  decltype(auto) value() const& { return get(*this); }
  T value() && {
    if constexpr (std::is_void_v<T> || std::is_reference_v<T>) {
      return get(*this);
    } else {
      return std::move(get(*this));
    }
  }

  /// Null if there is none.
  std::exception_ptr error() const noexcept { return has_error() ? std::get<2>(state_) : nullptr; }

 private:
  template <class Self>
  static std::conditional_t<std::is_void_v<T> || std::is_reference_v<T>, T,
                            std::conditional_t<std::is_const_v<Self>, const stored_type&, stored_type&>>
  get(Self& self) {
    if (self.has_error()) std::rethrow_exception(std::get<2>(self.state_));
    if (self.is_cancelled()) throw operation_cancelled();
    if constexpr (!std::is_void_v<T>) return std::get<1>(self.state_);
  }

  std::variant<std::monostate, stored_type, std::exception_ptr> state_;
};

namespace detail {

template <awaiter Inner>
class [[nodiscard]] result_awaiter {
 public:
  using value_type = await_result_t<Inner>;
  static constexpr bool runs_when_cancelled = detail::runs_when_cancelled<Inner>();

  explicit result_awaiter(Inner&& inner) : inner_(std::move(inner)) {}

  bool await_ready() {
    try {
      return inner_.await_ready();
    } catch (...) {
      early_error_ = std::current_exception();
      return true;
    }
  }
  bool await_suspend(waiter& who) {
    try {
      return inner_.await_suspend(who);
    } catch (...) {
      early_error_ = std::current_exception();
      return false;
    }
  }
  /// Only if Inner has it: a limit that is over already lets a task run until it would suspend.
  bool start_cancelled(waiter& who, cancel_reason why) requires requires(Inner& one) { one.start_cancelled(who, why); }
  { return inner_.start_cancelled(who, why); }

  result<value_type> await_resume() {
    if (early_error_) return result<value_type>(std::move(early_error_));
    try {
      if constexpr (std::is_void_v<value_type>) {
        inner_.await_resume();
        return result<value_type>(std::monostate());
      } else {
        return result<value_type>(inner_.await_resume());
      }
    } catch (...) {
      return result<value_type>(std::current_exception());
    }
  }
  cancel_result await_cancel(cancel_reason why) noexcept { return inner_.await_cancel(why); }
  bool await_must_resume() const noexcept { return early_error_ || inner_.await_must_resume(); }
  void await_describe(task_writer& out) const { out.inner(inner_); }

 private:
  Inner inner_;
  std::exception_ptr early_error_;  ///< it threw before it had begun
};

}  // namespace detail

/// co_await it: a result<T> of what `co_await inner` would give or throw. A request to stop goes through it: then the
/// task that awaits it is unwound as ever, and sees no result.
template <awaiter Inner>
[[nodiscard]] detail::result_awaiter<Inner> as_result(Inner inner) {
  return detail::result_awaiter<Inner>(std::move(inner));
}

}  // namespace ringmill
