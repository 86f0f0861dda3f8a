// when_any: several awaitables at once, of which one is enough.
//
//   auto answer = co_await rm::when_any(ask(first_server), ask(second_server));
//   use(answer.index(), std::move(answer).value());
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <ringmill/runtime/exception_group.hpp>
#include <ringmill/runtime/gather.hpp>

namespace ringmill {

/// The winner's place and value, and the values of losers that completed although they had been asked to stop. `Value`
/// is a std::variant with an alternative for each place, or for a range the type that all of them give; std::monostate
/// stands for void, std::reference_wrapper for a reference. What nobody takes is destroyed with it.
template <class Value>
class [[nodiscard]] any_completed {
 public:
  using also = std::vector<std::pair<std::size_t, Value>>;

  any_completed(std::size_t index, Value value, also others)
      : index_(index), value_(std::move(value)), also_completed_(std::move(others)) {}

  std::size_t index() const noexcept { return index_; }
  Value& value() & noexcept { return value_; }
  const Value& value() const& noexcept { return value_; }
  Value value() && { return std::move(value_); }
  /// Place and value of each, in order of place.
  also& also_completed() noexcept { return also_completed_; }
  const also& also_completed() const noexcept { return also_completed_; }

 private:
  std::size_t index_;
  Value value_;
  also also_completed_;
};

namespace detail {

inline constexpr cancel_reason other_was_first("another one of its when_any was first");

/// `AnyEnd`: an error decides it too.
template <class Children, bool AnyEnd>
class [[nodiscard]] when_any_awaiter final : public gather_awaiter<Children> {
 public:
  using value_type = typename Children::value_type;

  explicit when_any_awaiter(Children&& children)
      : gather_awaiter<Children>(AnyEnd ? "when_any" : "when_any_success", std::move(children)) {
    if (AnyEnd) return;
    std::size_t count = 0;
    this->children().for_each([&](const auto&) { ++count; });
    errors_.reserve(count);  // here, where a lack of memory can be told
  }

  any_completed<value_type> await_resume() {
    if (!decided_) throw exception_group(std::exchange(errors_, {}));
    const std::size_t winner = place_of_winner();
    std::optional<value_type> value;
    typename any_completed<value_type>::also others;
    this->children().take_values([&](std::size_t place, value_type one) {
      if (place == winner) {
        value.emplace(std::move(one));
      } else {
        others.emplace_back(place, std::move(one));
      }
    });
    return any_completed<value_type>(winner, std::move(*value), std::move(others));
  }
  bool await_must_resume() const noexcept { return decided_ || !this->cut; }

 private:
  static bool decides(const gathered_base& child) noexcept {
    return child.has_value() || (AnyEnd && child.has_error());
  }

  void child_ended(gathered_base& child) noexcept override {
    if (!AnyEnd && !decided_ && child.has_error()) errors_.push_back(child.take_error());
    if (decided_ || !decides(child)) return;
    decided_ = true;
    child.ended_in_time = true;
    this->children().for_each([](auto& other) {
      if (other.is_about_to_end()) other.ended_in_time = true;
    });
    this->stop_children(other_was_first);
  }

  /// The first place among those that ended in time. Throws its error if it has one.
  std::size_t place_of_winner() {
    std::size_t place = 0;
    std::size_t winner = 0;
    bool found = false;
    std::exception_ptr error;
    this->children().for_each([&](gathered_base& child) {
      if (!found && child.ended_in_time && decides(child)) {
        found = true;
        winner = place;
        error = child.take_error();
      }
      ++place;
    });
    if (error) std::rethrow_exception(std::move(error));
    return winner;
  }

  bool decided_ = false;
  std::vector<std::exception_ptr> errors_;  ///< when_any_success: of those that ended before there was a winner
};

}  // namespace detail

/// co_await it: starts all, in order, and gives an any_completed of the first that ends, or throws that one's error;
/// in one and the same turn of the loop the first place wins. The others are cancelled (those not started by then never
/// are) and have ended when it comes back. Errors of theirs are logged.
template <awaiter First, awaiter... Inner>
[[nodiscard]] auto when_any(First first, Inner... inner) {
  using children = detail::gathered_tuple<First, Inner...>;
  return detail::when_any_awaiter<children, true>(children(std::move(first), std::move(inner)...));
}

/// The same for any number of one kind. Throws std::invalid_argument if there is none.
template <awaiter Inner>
[[nodiscard]] auto when_any(std::vector<Inner> inner) {
  if (inner.empty()) throw std::invalid_argument("when_any of nothing would wait for ever");
  using children = detail::gathered_range<Inner>;
  return detail::when_any_awaiter<children, true>(children(std::move(inner)));
}

/// The same, but an error decides nothing: gives the first value. If all fail, throws an exception_group of all errors,
/// in order of completion.
template <awaiter First, awaiter... Inner>
[[nodiscard]] auto when_any_success(First first, Inner... inner) {
  using children = detail::gathered_tuple<First, Inner...>;
  return detail::when_any_awaiter<children, false>(children(std::move(first), std::move(inner)...));
}
template <awaiter Inner>
[[nodiscard]] auto when_any_success(std::vector<Inner> inner) {
  if (inner.empty()) throw std::invalid_argument("when_any_success of nothing would wait for ever");
  using children = detail::gathered_range<Inner>;
  return detail::when_any_awaiter<children, false>(children(std::move(inner)));
}

}  // namespace ringmill
