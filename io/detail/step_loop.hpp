// One await that takes several steps of one kind: reads until a line is there, writes until a buffer is empty.
//
// The step that is under way lies in the reader or writer, of which each has one at a time, not in what is awaited: so
// a `co_await reader.read_line()` costs its frame some 80 bytes, no frame is made for it, and nothing suspends while
// what is buffered is enough.
#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/promise.hpp>

namespace ringmill::detail {

template <awaiter Step>
class step_loop;

/// What a whole await wants of its steps; part of an awaiter.
template <awaiter Step>
class stepwise {
 public:
  stepwise() noexcept = default;
  /// Moves with its awaiter before that is asked anything.
  stepwise(const stepwise&) noexcept {}
  stepwise& operator=(const stepwise&) = delete;

  /// Nothing is left to do. May use what is there.
  virtual bool is_met() noexcept = 0;
  /// The next step, when it is not met.
  virtual Step next() = 0;
  /// That has ended: take its result, or throw its error.
  virtual void take(Step& one) = 0;
  /// A step was stopped by a cancel, after it had begun.
  virtual void cut_off() noexcept {}

 protected:
  virtual ~stepwise() = default;  // for GCC, which sees that a friend could delete one

 private:
  friend class step_loop<Step>;
  std::exception_ptr error_;
  bool ended_ = false;  ///< met, or with an error
};

/// Takes the steps of whoever has entered, one at a time, on behalf of its waiter. A cancel ends the step that is under
/// way; what that completed with all the same is taken before the waiter is told, and if it is enough it is the result.
template <awaiter Step>
class step_loop : private callback_waiter {
 public:
  /// `name` for errors: "buffered_reader"
  explicit step_loop(const char* name) noexcept : callback_waiter(&step_ended), name_(name) {}
  ~step_loop() { RINGMILL_CHECK(!whole_, "a buffered stream was destroyed while something awaits it"); }

  /// Begins; true: it is met already. Throws std::logic_error if another has not left.
  bool enter(stepwise<Step>& whole) {
    if (whole_) {
      throw std::logic_error(std::string("a second await on a ") + name_ + " while there is one: one at a time");
    }
    whole_ = &whole;
    return whole.ended_ = whole.is_met();
  }
  /// At its end, whatever that was; nothing happens if it has not entered or has left.
  void leave(const stepwise<Step>& whole) noexcept {
    if (whole_ == &whole) whole_ = nullptr;
  }

  /// True: suspended.
  bool start(waiter& who) {
    who_ = &who;
    asked_ = false;
    exchange_context(who.context());
    return go_on(false);
  }

  cancel_result cancel(cancel_reason why) noexcept {
    asked_ = true;
    if (is_woken()) return cancel_result::pending();  // what has come is about to be taken
    const cancel_result answer = step_->await_cancel(why);
    if (answer.is_done()) stopped();
    return answer;
  }
  bool has_ended() const noexcept { return whole_ && whole_->ended_; }
  void describe(task_writer& out) const {
    if (step_) out.inner(*step_);
  }

  /// In the await's `await_resume`, before it takes what is there: throws its error if it has one.
  static void throw_error(stepwise<Step>& whole) {
    if (whole.error_) std::rethrow_exception(std::exchange(whole.error_, nullptr));
  }

 private:
  /// Goes on until it is met, fails, or a step takes its time: then true.
  bool go_on(bool from_loop) noexcept {
    try {
      do {
        step_.emplace(whole_->next());
        ready_ = false;
        if (!step_->await_ready() && begin(from_loop)) return true;
        ready_ = true;
        if (!take_inline_budget()) {  // let others have their turn
          wake();
          return true;
        }
        take();
      } while (!whole_->is_met());
    } catch (...) {
      fail();
    }
    whole_->ended_ = true;
    return false;
  }

  /// From the loop nothing may be resumed inside of the call, so a task begins a turn later.
  bool begin(bool from_loop) {
    if constexpr (requires(Step & step) { step.start_later(*this); }) {
      if (from_loop) {
        step_->start_later(*this);
        return true;
      }
    }
    return step_->await_suspend(*this);
  }

  void take() {
    whole_->take(*step_);
    step_.reset();
  }
  void fail() noexcept {
    step_.reset();
    whole_->error_ = std::current_exception();
  }
  void stopped() noexcept {
    step_.reset();
    whole_->cut_off();
  }

  static void step_ended(callback_waiter& base) noexcept {
    auto& self = static_cast<step_loop&>(base);
    if (self.asked_ && !self.ready_ && !self.step_->await_must_resume()) {
      self.stopped();
    } else {
      try {
        self.take();
        self.whole_->ended_ = self.whole_->is_met();
      } catch (...) {
        self.fail();
        self.whole_->ended_ = true;
      }
      if (!self.whole_->ended_ && !self.asked_ && self.go_on(true)) return;
    }
    self.who_->wake();
  }

  const char* name_;
  stepwise<Step>* whole_ = nullptr;
  waiter* who_ = nullptr;
  std::optional<Step> step_;
  bool ready_ = false;  ///< the step ended without suspending
  bool asked_ = false;  ///< to stop
};

}  // namespace ringmill::detail
