#include <ringmill/runtime/generator.hpp>

namespace ringmill::detail {

bool generator_base::check_ended() const {
  if (consumer_) throw std::logic_error("next() of a generator while another next() is awaited");
  if (promise_) return promise_->has_ended();
  throw std::logic_error(cut_ ? "next() of a generator that a cancel has cut off"
                              : "next() of a generator that was moved from");
}

bool generator_base::advance(waiter& who) {
  consumer_ = &who;
  promise_->owner_ = promise_base::owner::generator;
  promise_->generator_ = this;
  promise_->exchange_context(who.context());
  promise_->why_cancelled_ = {};  // a request belongs to the next() that it was made of
  if (!take_inline_budget()) {
    promise_->wake();
    return true;
  }
  promise_->resume();
  return promise_->is_suspended();
}

}  // namespace ringmill::detail
