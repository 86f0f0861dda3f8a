// started: a child of a nursery that says when it is ready, and a spawner that waits for that.
//
//   rm::task<> serve(rm::started<std::uint16_t> ready, options how) {
//     auto listener = rm::tcp_listener::bind(how.host, 0);
//     ready(listener.port());
//     for (;;) ...
//   }
//   std::uint16_t port = co_await rm::start_until_ready<std::uint16_t>(group, serve, how);
#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/detail/shared_ptr.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/oneshot.hpp>

namespace ringmill {

namespace detail {

/// What child and spawner share until the child is ready.
template <class T>
class handshake {
 public:
  explicit handshake(oneshot<T>& spawner) : to_(std::in_place, spawner.make_sender()) {}

  template <class... Value>
  void set(Value&&... value) {
    if (!to_) throw std::logic_error("a child that has ended says that it is ready");
    to_->set_value(std::forward<Value>(value)...);
    is_over_ = true;
  }
  void fail(std::exception_ptr error) {
    to_->set_error(std::move(error));
    is_over_ = true;
  }
  /// The child is gone: a spawner that still waits hears of it.
  void child_gone() noexcept { to_.reset(); }
  /// The child has neither said that it is ready nor has the spawner given up.
  bool is_open() const noexcept { return !is_over_; }
  /// By the spawner: it waits no longer, and a child that is not ready is not needed.
  void give_up() noexcept {
    if (std::exchange(is_over_, true)) return;
    scope.cancel(cancel_reason("its spawner did not wait until it was ready"));
  }

  cancel_scope scope;

 private:
  std::optional<typename oneshot<T>::sender> to_;
  bool is_over_ = false;
};

/// The child's hold on it, in the frame around the child, which may also be destroyed unentered.
template <class T>
class child_side {
 public:
  explicit child_side(std::shared_ptr<handshake<T>> shared) noexcept : shared_(std::move(shared)) {}
  child_side(child_side&&) noexcept = default;
  child_side& operator=(child_side&&) = delete;
  ~child_side() {
    if (shared_) shared_->child_gone();
  }
  const std::shared_ptr<handshake<T>>& shared() const noexcept { return shared_; }

 private:
  std::shared_ptr<handshake<T>> shared_;
};

template <class T, class Function, class... Args>
task<> run_until_ready(child_side<T> side, Function function, Args... args);

}  // namespace detail

/// Given to the child, which calls it once: it is ready. May be copied and outlive the call; holds nothing up.
template <class T = void>
class started {
 public:
  /// Lets the spawner go on with `value`. Throws std::logic_error when it is called again. Only enqueues.
  void operator()(detail::stored_t<T> value) const requires(!std::is_void_v<T>) { shared_->set(std::move(value)); }
  void operator()() const requires std::is_void_v<T> { shared_->set(); }

 private:
  template <class U, class Function, class... Args>
  friend task<> detail::run_until_ready(detail::child_side<U>, Function, Args...);
  explicit started(std::shared_ptr<detail::handshake<T>> shared) noexcept : shared_(std::move(shared)) {}
  std::shared_ptr<detail::handshake<T>> shared_;
};

namespace detail {

template <class T, class Function, class... Args>
task<> run_until_ready(child_side<T> side, Function function, Args... args) {
  handshake<T>& shared = *side.shared();
  try {
    auto child = detail::invoke(function, started<T>(side.shared()), std::move(args)...);
    co_await shared.scope.run(std::move(child));
    if (shared.is_open()) throw std::logic_error("a child ended and had not said that it is ready");
  } catch (...) {
    if (!shared.is_open()) throw;
    shared.fail(std::current_exception());
  }
}

/// Lives in the spawner's frame.
template <class T>
class spawner_waits {
 public:
  explicit spawner_waits(std::shared_ptr<handshake<T>> shared) noexcept : shared_(std::move(shared)) {}
  spawner_waits(const spawner_waits&) = delete;
  spawner_waits& operator=(const spawner_waits&) = delete;
  ~spawner_waits() { shared_->give_up(); }

 private:
  std::shared_ptr<handshake<T>> shared_;
};

}  // namespace detail

/// co_await it: starts `function(started<T>, args...)` as a child of `group`, as nursery::start does, and gives the
/// value with which that says it is ready. What the child throws before is thrown here, and the nursery does not hear
/// of it; what it throws after goes to the nursery. Throws std::logic_error if the child ends and has said nothing,
/// abandoned_error if it was cancelled. If the wait is cut off, the child is too, unless it is ready.
template <class T = void, class Function, class... Args>
task<T> start_until_ready(nursery& group, Function function, Args... args) {
  oneshot<T> ready;
  auto shared = std::make_shared<detail::handshake<T>>(ready);
  const detail::spawner_waits<T> here(shared);
  group.start(&detail::run_until_ready<T, Function, Args...>, detail::child_side<T>(std::move(shared)),
              std::move(function), std::move(args)...);
  co_return co_await ready.get();
}

}  // namespace ringmill
