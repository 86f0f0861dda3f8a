// How a connection awaits a handler while finished responses are held back: most handlers end at once, and then the
// next request can be looked at before anything is sent.
#pragma once

#include <cstddef>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <ringmill/runtime/promise.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill::http::detail {

/// co_await it: runs `handler`; if that is suspended and something is held back, runs beside it what `send` gives, a
/// task<> that does not throw or a shield around one. Comes back when both have ended; the response, or the handler's
/// error, is to be had from `handler.result_in_place()`. An error of the peer does not stop the handler, which may be
/// in the middle of something.
template <class Send>
class [[nodiscard]] handler_awaiter {
 public:
  // A handler that runs alone is awaited as by a plain co_await.
  static constexpr bool takes_inline_budget = true;
  static constexpr bool is_task = true;
  // The server may have been cancelled by the function that made the handler's task: that is part of the handler.
  static constexpr bool runs_when_cancelled = true;

  /// `handler` must outlive this.
  handler_awaiter(ringmill::detail::task_base& handler, bool holds_back, Send send) noexcept
      : handler_(handler), send_(std::move(send)), holds_back_(holds_back) {}
  handler_awaiter(const handler_awaiter&) = delete;
  handler_awaiter& operator=(const handler_awaiter&) = delete;

  bool await_ready() const { return handler_.await_ready(); }
  bool await_suspend(waiter& who) {
    if (!holds_back_) return handler_.await_suspend(who);
    who_ = &who;
    if (!handler_part_.start(handler_, who)) return false;
    try {
      sending_.emplace(send_());
      sending_part_.start(*sending_, who);
    } catch (const std::bad_alloc&) {
      // It is sent when the handler has ended.
    }
    return true;
  }
  void await_resume() const noexcept {}
  cancel_result await_cancel(cancel_reason why) noexcept {
    if (!holds_back_) return handler_.await_cancel(why);
    handler_part_.cancel(why);
    sending_part_.cancel(why);
    return cancel_result::pending();
  }
  bool await_must_resume() const noexcept { return handler_.await_must_resume(); }
  void await_describe(task_writer& out) const {
    if (!holds_back_ || handler_part_.is_running()) out.inner(handler_);
    if (sending_part_.is_running()) out.inner(*sending_);
  }

 private:
  using sending = std::invoke_result_t<Send&>;

  /// One of the two, while it is suspended.
  template <class Awaited>
  class part : public callback_waiter {
   public:
    explicit part(handler_awaiter& whole) noexcept : callback_waiter(&ended), whole_(whole) {}

    /// False: it has ended already.
    bool start(Awaited& what, waiter& who) {
      exchange_context(who.context());
      if (what.await_suspend(*this)) running_ = &what;
      return is_running();
    }
    void cancel(cancel_reason why) noexcept {
      if (!is_running() || is_woken()) return;
      const cancel_result answer = running_->await_cancel(why);
      if (answer.next()) ringmill::detail::request_cancel(*answer.next(), why);
    }
    bool is_running() const noexcept { return running_ != nullptr; }

   private:
    static void ended(callback_waiter& base) noexcept {
      auto& self = static_cast<part&>(base);
      self.running_ = nullptr;
      handler_awaiter& whole = self.whole_;
      if (!whole.handler_part_.is_running() && !whole.sending_part_.is_running()) whole.who_->wake();
    }

    handler_awaiter& whole_;
    Awaited* running_ = nullptr;
  };

  ringmill::detail::task_base& handler_;
  Send send_;
  bool holds_back_;
  waiter* who_ = nullptr;
  std::optional<sending> sending_;
  part<ringmill::detail::task_base> handler_part_{*this};
  part<sending> sending_part_{*this};
};

}  // namespace ringmill::http::detail
