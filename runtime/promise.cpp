#include <ringmill/runtime/promise.hpp>

#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill::detail {

bool take_inline_budget() noexcept { return current_loop && current_loop->take_budget(); }

void request_cancel(promise_base& promise) noexcept {
  if (promise.cancel_requested_ || promise.has_ended()) return;
  promise.cancel_requested_ = true;
  if (promise.state_ == promise_base::state::suspended) deliver_cancel(promise);
}

void deliver_cancel(promise_base& first) noexcept {
  // A loop, not a recursion: a chain of awaiting tasks can be a million long.
  promise_base* promise = &first;
  while (promise && !promise->is_woken()) {
    promise->cancel_delivered_ = true;
    const cancel_result answer = promise->operations_->cancel(promise->awaiter_);
    if (answer.is_done()) {
      promise->abandoned_ = true;
      promise->wake();
      return;
    }
    promise = answer.next();
    if (!promise || promise->cancel_requested_ || promise->has_ended()) return;
    promise->cancel_requested_ = true;
    if (promise->state_ != promise_base::state::suspended) return;
  }
}

void promise_base::run() noexcept {
  const bool cut_off = state_ == state::created ? cancel_requested_
                                                : abandoned_ || (cancel_delivered_ && !bounced_ &&
                                                                 !operations_->must_resume(awaiter_));
  if (cut_off) {
    destroy_cancelled();
    return;
  }
  bounced_ = false;
  cancel_delivered_ = false;
  resume();
  if (state_ != state::ended) return;
  if (in_nursery_) {
    nursery_->child_ended(*this);
  } else {
    slot_->waiter_->wake();
  }
}

void promise_base::destroy_cancelled() noexcept {
  // The owner forgets the frame first and hears of its end after: no one can reach into what is being destroyed.
  if (in_nursery_) {
    nursery& owner = *nursery_;
    owner.unlink(*this);
    handle().destroy();
    owner.child_cancelled();
  } else {
    task_base& owner = *slot_;
    owner.promise_ = nullptr;
    handle().destroy();
    owner.waiter_->wake();
  }
}

}  // namespace ringmill::detail
