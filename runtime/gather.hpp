// What when_all, when_all_settled and when_any share: awaitables that are started in order, watched, and joined.
//
// What an end means to the others is up to each: it answers in `child_ended`, where it may ask all to stop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/promise.hpp>
#include <ringmill/runtime/result.hpp>

namespace ringmill::detail {

class gathered_base;

/// What the children know of the one who started them.
class gathering {
 public:
  gathering() noexcept = default;

  /// A child has ended; called from the loop, or while it is being started. Only enqueues.
  virtual void child_ended(gathered_base& child) noexcept = 0;

  waiter* joiner = nullptr;
  std::size_t left = 0;  ///< that run
  bool cut = false;      ///< a child was ended by a cancel

 protected:
  ~gathering() = default;
};

/// One awaitable, without its type.
class gathered_base : public callback_waiter {
 public:
  enum class ending : std::uint8_t { none, value, error, cut };

  ending how() const noexcept { return how_; }
  bool has_value() const noexcept { return how_ == ending::value; }
  bool has_error() const noexcept { return how_ == ending::error; }
  /// Null if there is none, or none any more. Errors that nobody takes are logged.
  std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }

  bool ended_in_time = false;  ///< when_any: before the others were asked to stop

 protected:
  explicit gathered_base(function call) noexcept : callback_waiter(call) {}
  ~gathered_base() = default;

  gathering* all_ = nullptr;
  std::exception_ptr error_;
  ending how_ = ending::none;
  bool outstanding_ = false;
  bool asked_ = false;    ///< to stop
  bool stopped_ = false;  ///< and the awaiter did so at once
};

/// One awaitable, started and watched.
template <awaiter Inner>
class gathered : public gathered_base {
 public:
  using result_type = await_result_t<Inner>;
  using value_type = stored_t<result_type>;

  explicit gathered(Inner&& inner) : gathered_base(&ended), inner_(std::move(inner)) {}
  gathered(gathered&& other) : gathered_base(&ended), inner_(std::move(other.inner_)) {}

  /// A false answer of its await_suspend is taken as its end.
  void start(gathering& all) noexcept {
    all_ = &all;
    exchange_context(all.joiner->context());
    try {
      if (!inner_.await_ready() && inner_.await_suspend(*this)) {
        outstanding_ = true;
        ++all.left;
        return;
      }
    } catch (...) {
      fail();
      all.child_ended(*this);
      return;
    }
    take();
    all.child_ended(*this);
  }

  /// Asks it to stop if it runs; only enqueues. One that was woken before keeps what it completed with.
  void cancel(cancel_reason why) noexcept {
    if (!outstanding_ || asked_) return;
    asked_ = true;
    if (is_woken()) return;
    const cancel_result answer = inner_.await_cancel(why);
    if (answer.is_done()) {
      stopped_ = true;
      wake();
    } else if (answer.next()) {
      request_cancel(*answer.next(), why);
    }
  }

  /// Its end is on its way through the ready queue, and it is not the end by a cancel.
  bool is_about_to_end() const noexcept {
    return outstanding_ && is_woken() && !stopped_ && inner_.await_must_resume();
  }

  value_type value() { return std::move(*value_); }
  /// Its value or error, moved out; cancelled if it has neither.
  result<result_type> outcome() {
    if (has_value()) return result<result_type>(value());
    if (has_error()) return result<result_type>(take_error());
    return {};
  }
  void describe(task_writer& out) const {
    if (outstanding_ && !is_woken()) out.inner(inner_);
  }

 private:
  void take() noexcept {
    try {
      if constexpr (std::is_void_v<result_type>) {
        inner_.await_resume();
        value_.emplace();
      } else {
        value_.emplace(inner_.await_resume());
      }
      how_ = ending::value;
    } catch (...) {
      fail();
    }
  }
  void fail() noexcept {
    how_ = ending::error;
    error_ = std::current_exception();
  }

  static void ended(callback_waiter& base) noexcept {
    auto& self = static_cast<gathered&>(base);
    self.outstanding_ = false;
    if (self.stopped_ || (self.asked_ && !self.inner_.await_must_resume())) {
      self.how_ = ending::cut;
      self.all_->cut = true;
    } else {
      self.take();
    }
    self.all_->child_ended(self);
    if (--self.all_->left == 0) self.all_->joiner->wake();
  }

  Inner inner_;
  std::optional<value_type> value_;
};

/// Children of different kinds: values come as a tuple, one of them as a variant.
template <awaiter... Inner>
class gathered_tuple {
 public:
  using value_type = std::variant<typename gathered<Inner>::value_type...>;

  explicit gathered_tuple(Inner&&... inner) : children_(std::move(inner)...) {}

  template <class Function>
  void for_each(Function call) {
    std::apply([&](auto&... child) { (call(child), ...); }, children_);
  }
  template <class Function>
  void for_each(Function call) const {
    std::apply([&](const auto&... child) { (call(child), ...); }, children_);
  }
  /// What `call` gives for each.
  template <class Function>
  auto collect(Function call) {
    return std::apply([&](auto&... child) { return std::tuple<decltype(call(child))...>{call(child)...}; }, children_);
  }
  /// Calls `call(index, value)` for each that has a value; the values are moved out.
  template <class Function>
  void take_values(Function call) {
    take_values(call, std::index_sequence_for<Inner...>());
  }

 private:
  template <class Function, std::size_t... Index>
  void take_values(Function& call, std::index_sequence<Index...>) {
    (take_value<Index>(call), ...);
  }
  template <std::size_t Index, class Function>
  void take_value(Function& call) {
    auto& child = std::get<Index>(children_);
    if (child.has_value()) call(Index, value_type(std::in_place_index<Index>, child.value()));
  }

  std::tuple<gathered<Inner>...> children_;
};

/// Any number of children of one kind.
template <awaiter Inner>
class gathered_range {
 public:
  using value_type = typename gathered<Inner>::value_type;

  explicit gathered_range(std::vector<Inner>&& inner) {
    children_.reserve(inner.size());
    for (Inner& one : inner) children_.emplace_back(std::move(one));
  }

  template <class Function>
  void for_each(Function call) {
    for (auto& child : children_) call(child);
  }
  template <class Function>
  void for_each(Function call) const {
    for (const auto& child : children_) call(child);
  }
  template <class Function>
  auto collect(Function call) {
    std::vector<decltype(call(children_.front()))> all;
    all.reserve(children_.size());
    for (auto& child : children_) all.push_back(call(child));
    return all;
  }
  template <class Function>
  void take_values(Function call) {
    for (std::size_t index = 0; index < children_.size(); ++index) {
      if (children_[index].has_value()) call(index, children_[index].value());
    }
  }

 private:
  std::vector<gathered<Inner>> children_;
};

/// The common half of the awaiters; `Children` is one of the two above.
template <class Children>
class gather_awaiter : protected gathering {
 public:
  explicit gather_awaiter(const char* name, Children&& children) : name_(name), children_(std::move(children)) {}
  gather_awaiter(gather_awaiter&&) = default;

  bool await_ready() const noexcept { return false; }
  bool await_suspend(waiter& who) noexcept {
    joiner = &who;
    left = 1;  // this call itself: no child's end wakes anyone before all have been started
    children_.for_each([&](auto& child) {
      if (!over_) child.start(*this);
    });
    return --left != 0;
  }
  cancel_result await_cancel(cancel_reason why) noexcept {
    stop_children(why);
    return cancel_result::pending();
  }
  void await_describe(task_writer& out) const {
    out.text(name_);
    children_.for_each([&](const auto& child) { child.describe(out); });
  }

 protected:
  /// Those that run are asked to stop, those not started yet never are.
  void stop_children(cancel_reason why) noexcept {
    over_ = true;
    children_.for_each([&](auto& child) { child.cancel(why); });
  }
  Children& children() noexcept { return children_; }

  ~gather_awaiter() {
    children_.for_each([&](gathered_base& child) {
      const std::exception_ptr error = child.take_error();
      if (error) log(log_level::warning, {"a ", name_, " had one more error"}, error);
    });
  }

 private:
  const char* name_;
  bool over_ = false;
  Children children_;
};

}  // namespace ringmill::detail
