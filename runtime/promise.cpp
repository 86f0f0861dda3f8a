#include <ringmill/runtime/promise.hpp>

#include <ringmill/runtime/generator.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

cancel_reason current_cancel_reason() noexcept {
  const detail::promise_base* task = detail::this_thread.running;
  return task ? task->why_cancelled() : cancel_reason();
}

namespace detail {

void request_cancel(promise_base& promise, cancel_reason why) noexcept {
  if (promise.why_cancelled_ || promise.has_ended()) return;
  promise.why_cancelled_ = why;
  if (promise.is_suspended()) {
    deliver_cancel(promise);
  } else if (promise.was_started()) {
    note_cancel_of_running(promise, why);
  }
}

void note_cancel_of_running(promise_base& promise, cancel_reason why) noexcept {
  // From the one that holds the loop out to `promise`; the budget of inline steps bounds the way. A request goes
  // through a plain co_await of a task; what stands around one (a shield, say) hears of it when `promise` is suspended.
  promise_base* innermost = this_thread.running;
  for (promise_base* task = innermost; task != &promise;) {
    task = task ? const_cast<promise_base*>(task->awaited_by()) : nullptr;
    if (!task) return;
    if (!task->operations_->is_task) innermost = task;
  }
  for (promise_base* task = innermost; task != &promise; task = const_cast<promise_base*>(task->awaited_by())) {
    if (!task->why_cancelled_) task->why_cancelled_ = why;
  }
}

void deliver_cancel(promise_base& first) noexcept {
  // A loop, not a recursion: a chain of awaiting tasks can be a million long.
  promise_base* promise = &first;
  const cancel_reason why = first.why_cancelled_;
  while (!promise->is_woken()) {
    const cancel_result answer = promise->operations_->cancel(promise->awaiter_, why);
    if (answer.is_done()) {
      promise->abandoned_ = true;
      promise->wake();
      return;
    }
    promise = answer.next();
    if (!promise || promise->why_cancelled_ || promise->has_ended()) return;
    promise->why_cancelled_ = why;
    if (!promise->is_suspended()) return;
  }
}

const promise_base* promise_base::awaited_by() const noexcept {
  if (owner_ != owner::slot || !slot_) return nullptr;
  waiter* const who = slot_->waiter_;
  return who && who->is_coroutine() ? static_cast<const promise_base*>(who) : nullptr;
}

/// It is under cancellation: is there nothing that it has to go on with?
bool promise_base::is_cut_off() const noexcept {
  return state_ == state::created || state_ == state::yielded || abandoned_ ||
         (!bounced_ && !operations_->must_resume(awaiter_));
}

waiter* promise_base::tell_owner() noexcept {
  switch (owner_) {
    case owner::slot:
      return slot_->waiter_;
    case owner::nursery:
      nursery_->child_ended(*this);
      return nullptr;
    case owner::generator:
      return generator_->consumer_;
  }
  __builtin_unreachable();
}

void promise_base::destroy_frame() noexcept {
  thread_state& thread = this_thread;
  // Destructors may ask who runs, and why they were cancelled.
  promise_base* const outer = std::exchange(thread.running, this);
  handle().destroy();
  thread.running = outer;
}

void promise_base::destroy_cancelled() noexcept {
  // The owner forgets the frame first and hears of its end after: no one can reach into what is being destroyed.
  switch (owner_) {
    case owner::slot: {
      task_base& slot = *slot_;
      slot.promise_ = nullptr;
      destroy_frame();
      slot.waiter_->wake();
      break;
    }
    case owner::nursery: {
      nursery& group = *nursery_;
      group.unlink(*this);
      destroy_frame();
      group.child_cancelled();
      break;
    }
    case owner::generator: {
      waiter& consumer = generator_->forget();
      destroy_frame();
      consumer.wake();
      break;
    }
  }
}

}  // namespace detail
}  // namespace ringmill
