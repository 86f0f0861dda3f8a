#include <ringmill/io/io_op.hpp>

#include <cerrno>
#include <system_error>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill {

io_op::io_op(io_op&& other) noexcept : handle_(other.handle_) {
  RINGMILL_CHECK(!other.is_in_flight(), "an operation was moved while the kernel works on it");
}

io_op::~io_op() {
  RINGMILL_CHECK(!is_in_flight(),
                 "an operation was destroyed while the kernel works on it: cancel it and await its end");
}

bool io_op::await_suspend(waiter& who) {
  waiter_ = &who;
  background_ = false;
  cancel_asked_ = false;
  vain_tries_ = 0;
  owner().start(*this);
  return true;
}

cancel_result io_op::await_cancel(cancel_reason) noexcept { return owner().cancel(*this); }

bool io_op::await_must_resume() const noexcept {
  // Not asked for here: its handle was closed, which is an error like others. A call that blocks one of the kernel's
  // worker threads is interrupted by its cancel.
  return !cancel_asked_ || (result_ != -ECANCELED && result_ != -EINTR);
}

void io_op::describe(task_writer& out) const { out.text("an operation of the kernel"); }

void io_op::completed(std::int32_t result, std::uint32_t, bool more) noexcept {
  if (more) return;
  result_ = result;
  waiter_->wake();
}

ring& io_op::owner() { return ring::current(); }

int io_op::descriptor() const noexcept { return handle_->number(); }

bool io_op::is_stopping() const noexcept { return cancel_asked_ || (handle_ && handle_->closing_); }

bool io_op::resubmit() {
  if (is_stopping()) return false;
  owner().start(*this);
  return true;
}

bool io_op::retry_later() {
  if (is_stopping()) return false;
  owner().pause(*this);
  return true;
}

void io_op::start_in_background() { start_in_background(ring::current()); }

void io_op::start_in_background(ring& where) {
  background_ = true;
  cancel_asked_ = false;
  where.start(*this);
}

std::int32_t io_op::result_or_throw(const char* what) const {
  if (result_ < 0) throw std::system_error(-result_, std::generic_category(), what);
  return result_;
}

namespace detail {

void op_list::append(io_op& op) noexcept {
  op.next_ = nullptr;
  op.previous_ = last_;
  (last_ ? last_->next_ : first_) = &op;
  last_ = &op;
}

void op_list::remove(io_op& op) noexcept {
  (op.previous_ ? op.previous_->next_ : first_) = op.next_;
  (op.next_ ? op.next_->previous_ : last_) = op.previous_;
}

void op_set::add(io_op& op) noexcept {
  op.previous_ = nullptr;
  op.next_ = first_;
  if (first_) first_->previous_ = &op;
  first_ = &op;
}

void op_set::remove(io_op& op) noexcept {
  (op.previous_ ? op.previous_->next_ : first_) = op.next_;
  if (op.next_) op.next_->previous_ = op.previous_;
}

}  // namespace detail
}  // namespace ringmill
