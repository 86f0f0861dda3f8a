#include <ringmill/io/readiness.hpp>

#include <poll.h>

#include <stdexcept>
#include <utility>

#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/thread_state.hpp>

namespace ringmill {

bool readiness::is_readable() const noexcept { return (events_ & (POLLIN | POLLHUP | POLLERR)) != 0; }
bool readiness::is_writable() const noexcept { return (events_ & (POLLOUT | POLLERR)) != 0; }
bool readiness::has_failed() const noexcept { return (events_ & (POLLHUP | POLLERR)) != 0; }

readiness_op readable(int descriptor) noexcept { return readiness_op(descriptor, POLLIN); }
readiness_op readable(fd& descriptor) noexcept { return readiness_op(descriptor, POLLIN); }
readiness_op writable(int descriptor) noexcept { return readiness_op(descriptor, POLLOUT); }
readiness_op writable(fd& descriptor) noexcept { return readiness_op(descriptor, POLLOUT); }
readiness_op readable_or_writable(int descriptor) noexcept { return readiness_op(descriptor, POLLIN | POLLOUT); }
readiness_op readable_or_writable(fd& descriptor) noexcept { return readiness_op(descriptor, POLLIN | POLLOUT); }

deadline_timer::~deadline_timer() {
  RINGMILL_CHECK(!waiter_, "a deadline_timer was destroyed while a task waits for it: end the task first");
  cancel();
}

void deadline_timer::set(time_point deadline) {
  loop& here = loop::current();
  cancel();
  deadline_ = deadline;
  here.arm(*this, deadline);
}

void deadline_timer::set_after(duration length) { set(saturating_add(loop::current().now(), length)); }

void deadline_timer::cancel() noexcept {
  is_over_ = false;
  if (is_armed()) detail::this_thread.attached_loop->disarm(*this);
}

void deadline_timer::fire(timer& base) noexcept {
  auto& self = static_cast<deadline_timer&>(base);
  if (waiter* const who = std::exchange(self.waiter_, nullptr)) {
    who->wake();
  } else {
    self.is_over_ = true;
  }
}

bool deadline_timer::wait_awaiter::await_ready() noexcept { return std::exchange(owner_->is_over_, false); }

bool deadline_timer::wait_awaiter::await_suspend(waiter& who) {
  if (owner_->waiter_) throw std::logic_error("two tasks wait for one deadline_timer: each needs its own");
  owner_->waiter_ = &who;
  return true;
}

cancel_result deadline_timer::wait_awaiter::await_cancel(cancel_reason) noexcept {
  owner_->waiter_ = nullptr;
  return cancel_result::done();
}

void deadline_timer::wait_awaiter::await_describe(task_writer& out) const {
  if (owner_->is_armed()) {
    out.until("deadline_timer", owner_->deadline_);
  } else {
    out.text("a deadline_timer that is not set", owner_);
  }
}

}  // namespace ringmill
