#include <ringmill/runtime/nursery.hpp>

#include <cstdio>
#include <stdexcept>

#include <ringmill/runtime/loop.hpp>

namespace ringmill {

nursery::~nursery() {
  RINGMILL_CHECK(size_ == 0, "a nursery was destroyed while its children run: co_await its run() to the end");
  if (suppressed_seen_) return;
  for (const std::exception_ptr& error : suppressed_) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& known) {
      std::fprintf(stderr, "ringmill: a nursery had one more error: %s\n", known.what());
    } catch (...) {
      std::fprintf(stderr, "ringmill: a nursery had one more error, of an unknown type\n");
    }
  }
}

void nursery::open(waiter& joiner) {
  if (joiner_) throw std::logic_error("nursery::run() inside of its own run()");
  joiner_ = &joiner;
  cancelled_ = false;
  cut_ = false;
  error_ = nullptr;
}

void nursery::adopt(task<> child) {
  if (!joiner_) {
    throw std::logic_error("nursery::start() outside of run(): co_await nursery.run([&]() -> rm::task<> { ... }) around it");
  }
  child.await_ready();  // a moved-from task throws here
  if (cancelled_) return;
  detail::promise_base& promise = *std::exchange(child.promise_, nullptr);
  promise.in_nursery_ = true;
  promise.nursery_ = this;
  promise.next_sibling_ = children_;
  if (children_) children_->previous_sibling_ = &promise;
  children_ = &promise;
  ++size_;
  promise.wake();
}

void nursery::cancel() noexcept {
  if (cancelled_ || !joiner_) return;
  cancelled_ = true;
  // Cancelling only enqueues: the list does not change under the iteration.
  for (detail::promise_base* child = children_; child; child = child->next_sibling_) detail::request_cancel(*child);
}

void nursery::unlink(detail::promise_base& child) noexcept {
  (child.previous_sibling_ ? child.previous_sibling_->next_sibling_ : children_) = child.next_sibling_;
  if (child.next_sibling_) child.next_sibling_->previous_sibling_ = child.previous_sibling_;
}

void nursery::child_ended(detail::promise_base& child) noexcept {
  std::exception_ptr error = static_cast<detail::task_promise<void>&>(child).take_error();
  unlink(child);
  child.handle().destroy();
  if (error) {
    if (error_) {
      suppressed_.push_back(std::move(error));
    } else {
      error_ = std::move(error);
      cancel();
    }
  }
  --size_;
  leave_if_empty();
}

void nursery::child_cancelled() noexcept {
  cut_ = true;
  --size_;
  leave_if_empty();
}

void nursery::leave_if_empty() noexcept {
  if (size_ == 0) std::exchange(joiner_, nullptr)->wake();
}

void nursery::finish() {
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace ringmill
