#include <ringmill/runtime/nursery.hpp>

#include <new>
#include <stdexcept>

#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/loop.hpp>

namespace ringmill {

namespace {
constexpr cancel_reason sibling_failed("another task of its nursery failed");
}  // namespace

nursery::~nursery() {
  RINGMILL_CHECK(size_ == 0, "a nursery was destroyed while its children run: co_await its run() to the end");
  if (suppressed_seen_) return;
  for (const std::exception_ptr& error : suppressed_) {
    log(log_level::warning, {"a nursery had one more error"}, error);
  }
}

void nursery::open(waiter& joiner) {
  if (joiner_) throw std::logic_error("nursery::run() inside of its own run()");
  joiner_ = &joiner;
  context_ = joiner.context();
  cancelled_ = false;
  cut_ = false;
  error_ = nullptr;
}

detail::promise_base& nursery::adopt(task<> child) {
  if (!joiner_) {
    throw std::logic_error(
        "nursery::start() outside of run(): co_await nursery.run([&]() -> rm::task<> { ... }) around it");
  }
  child.await_ready();  // a moved-from task throws here
  detail::promise_base& promise = *std::exchange(child.promise_, nullptr);
  promise.owner_ = detail::promise_base::owner::nursery;
  promise.nursery_ = this;
  promise.exchange_context(context_);
  promise.next_sibling_ = children_;
  if (children_) children_->previous_sibling_ = &promise;
  children_ = &promise;
  ++size_;
  if (cancelled_) promise.why_cancelled_ = cancel_reason("its nursery was cancelled before it started");
  promise.wake();
  return promise;
}

void nursery::cancel(cancel_reason why) noexcept {
  if (cancelled_ || !joiner_) return;
  cancelled_ = true;
  // Cancelling only enqueues: the list does not change under the iteration.
  for (detail::promise_base* child = children_; child; child = child->next_sibling_) {
    detail::request_cancel(*child, why);
  }
}

void nursery::unlink(detail::promise_base& child) noexcept {
  if (&child == body_) body_ = nullptr;
  (child.previous_sibling_ ? child.previous_sibling_->next_sibling_ : children_) = child.next_sibling_;
  if (child.next_sibling_) child.next_sibling_->previous_sibling_ = child.previous_sibling_;
}

void nursery::child_ended(detail::promise_base& child) noexcept {
  std::exception_ptr error = static_cast<detail::task_promise<void>&>(child).take_error();
  const bool is_body = &child == body_;
  unlink(child);
  child.handle().destroy();
  if (error) failed(std::move(error), is_body);
  --size_;
  leave_if_empty();
}

void nursery::failed(std::exception_ptr error, bool is_body) noexcept {
  if (policy_ == policy::collect) {
    suppress(std::move(error));
    return;
  }
  if (policy_ == policy::supervise && !is_body) {
    try {
      handler_(error);
      return;
    } catch (...) {
      suppress(std::exchange(error, std::current_exception()));
    }
  }
  if (error_) {
    suppressed_seen_ = false;
    suppress(std::move(error));
  } else {
    error_ = std::move(error);
    cancel(sibling_failed);
  }
}

void nursery::suppress(std::exception_ptr error) noexcept {
  try {
    suppressed_.push_back(std::move(error));
  } catch (const std::bad_alloc&) {
    log(log_level::error, "a nursery had one more error, and no memory to keep it");
    if (!error_) error_ = std::current_exception();
  }
}

void nursery::child_cancelled() noexcept {
  cut_ = true;
  --size_;
  leave_if_empty();
}

void nursery::leave_if_empty() noexcept {
  if (size_ != 0) return;
  if (policy_ == policy::collect && !suppressed_.empty()) {
    try {
      error_ = std::make_exception_ptr(exception_group(std::exchange(suppressed_, {})));
    } catch (const std::bad_alloc&) {
      error_ = std::current_exception();
    }
  }
  std::exchange(joiner_, nullptr)->wake();
}

void nursery::finish() {
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void nursery::describe(task_writer& out) const {
  out.text("nursery of " + std::to_string(size_) + (cancelled_ ? ", cancelled" : ""));
  for (const detail::promise_base* child = children_; child; child = child->next_sibling_) out.child(*child);
}

}  // namespace ringmill
