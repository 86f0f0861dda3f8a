// std::stop_token, both ways: a token that cuts off an awaitable, and a token that hears of a cancelled task.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/scoped.hpp>

namespace ringmill {

namespace detail {

inline constexpr cancel_reason stop_was_requested("a stop was requested by its std::stop_token");

/// The way of a stop request from any thread to an awaiter that may have ended meanwhile. Shared between the awaiter,
/// the callback and the posted function; `target` belongs to the loop's thread.
class stop_link {
 public:
  explicit stop_link(loop& home) noexcept : home_(home), post_may_come_(home) {}
  static void request(const std::shared_ptr<stop_link>& link) {
    link->home_.post([link] {
      if (link->target) link->cut(link->target);
    });
  }

  void* target = nullptr;
  void (*cut)(void*) noexcept = nullptr;
  /// The awaiter has ended.
  void release() noexcept {
    target = nullptr;
    post_may_come_.reset();
  }

 private:
  loop& home_;
  std::optional<loop::expected_post> post_may_come_;
};

template <awaiter Inner>
class [[nodiscard]] stop_token_awaiter {
 public:
  static constexpr bool runs_when_cancelled = detail::runs_when_cancelled<Inner>();

  stop_token_awaiter(std::stop_token&& token, Inner&& inner) : token_(std::move(token)), scoped_(std::move(inner)) {}
  stop_token_awaiter(stop_token_awaiter&& other) : token_(std::move(other.token_)), scoped_(std::move(other.scoped_)) {}
  ~stop_token_awaiter() { leave(); }

  bool await_ready() { return scoped_.ready(); }
  bool await_suspend(waiter& who) {
    if (token_.stop_requested()) return scoped_.start_cut(who, stop_was_requested);
    if (token_.stop_possible()) {
      link_ = std::make_shared<stop_link>(loop::current());
      link_->target = this;
      link_->cut = [](void* self) noexcept { static_cast<stop_token_awaiter*>(self)->scoped_.cut(stop_was_requested); };
      callback_.emplace(token_, on_stop(link_));
    }
    return scoped_.start(who);
  }
  if_completed_t<Inner> await_resume() {
    leave();
    return scoped_.resume_if_completed();
  }
  cancel_result await_cancel(cancel_reason why) noexcept { return scoped_.cancel(why); }
  bool await_must_resume() const noexcept { return scoped_.has_result(); }
  void await_describe(task_writer& out) const {
    out.text("with_stop_token");
    out.inner(scoped_.inner());
  }

 private:
  class on_stop {
   public:
    explicit on_stop(std::shared_ptr<stop_link> link) noexcept : link_(std::move(link)) {}
    void operator()() const { stop_link::request(link_); }

   private:
    std::shared_ptr<stop_link> link_;
  };

  void leave() noexcept {
    callback_.reset();  // waits for a callback that runs now in another thread; that one only posts
    if (link_) link_->release();
    link_.reset();
  }

  std::stop_token token_;
  scoped<Inner> scoped_;
  std::shared_ptr<stop_link> link_;
  std::optional<std::stop_callback<on_stop>> callback_;
};

/// The callbacks of the token are strangers' code, so they run from the loop, before the task is resumed: not inside of
/// the call that cancels.
template <class Function, class... Args>
class [[nodiscard]] stop_source_awaiter : private callback_waiter {
 public:
  using task_type = std::invoke_result_t<Function&, std::stop_token, Args...>;
  static_assert(std::is_base_of_v<task_base, task_type>, "the function of with_stop_source gives a task");

  template <class GivenFunction, class... Given>
  explicit stop_source_awaiter(std::in_place_t, GivenFunction&& call, Given&&... args)
      : callback_waiter(&request_stop),
        function_(std::forward<GivenFunction>(call)),
        args_(std::forward<Given>(args)...) {}
  stop_source_awaiter(stop_source_awaiter&& other)
      : callback_waiter(&request_stop), function_(std::move(other.function_)), args_(std::move(other.args_)) {}

  bool await_ready() const noexcept { return false; }
  bool await_suspend(waiter& who) {
    task_.emplace(std::apply(
        [&](auto&... arg) { return detail::invoke(function_, source_.get_token(), std::move(arg)...); }, args_));
    task_->await_ready();  // a moved-from task throws here
    return task_->await_suspend(who);
  }
  decltype(auto) await_resume() { return task_->await_resume(); }
  cancel_result await_cancel(cancel_reason why) noexcept {
    wake();
    return task_->await_cancel(why);
  }
  bool await_must_resume() const noexcept { return task_->await_must_resume(); }
  void await_describe(task_writer& out) const {
    out.text("with_stop_source");
    out.inner(*task_);
  }

 private:
  static void request_stop(callback_waiter& base) noexcept {
    static_cast<stop_source_awaiter&>(base).source_.request_stop();
  }

  std::stop_source source_;
  Function function_;
  std::tuple<Args...> args_;
  std::optional<task_type> task_;
};

}  // namespace detail

/// co_await it: a std::optional of what `inner` gives (a bool, if that is void), empty if it was cut off because a stop
/// was requested of `token`, from whatever thread, before or meanwhile. The loop must outlive the request.
template <awaiter Inner>
[[nodiscard]] detail::stop_token_awaiter<Inner> with_stop_token(std::stop_token token, Inner inner) {
  return detail::stop_token_awaiter<Inner>(std::move(token), std::move(inner));
}

/// co_await it: gives what the task `function(std::stop_token, args...)` gives. A request to stop reaches that task,
/// and is requested of the token: for code in it that knows stop tokens only, in other threads too. The token's
/// callbacks run in the loop before the task goes on. Callable and arguments are kept until the end.
template <class Function, class... Args>
[[nodiscard]] detail::stop_source_awaiter<std::decay_t<Function>, std::decay_t<Args>...> with_stop_source(
    Function&& function, Args&&... args) {
  return detail::stop_source_awaiter<std::decay_t<Function>, std::decay_t<Args>...>(
      std::in_place, std::forward<Function>(function), std::forward<Args>(args)...);
}

}  // namespace ringmill
