// A task's way through the pool: submitted, cancelled, out of time, ended.
#include <ringmill/offload/detail/pool_core.hpp>

#include <string>
#include <utility>

namespace ringmill::detail {

// What the awaiting task asks.

pool_task::pool_task(pool_core& pool, function_id called, call_options options, bool may_wait)
    : timer([](timer& base) noexcept {
        auto& task = static_cast<pool_task&>(base);
        task.pool_->time_is_over(task);
      }),
      pool_(&pool),
      function_(called),
      options_(std::move(options)),
      retries_(options_.retries()),
      may_wait_(may_wait),
      alone_(options_.is_at_most_once()) {}

pool_task::pool_task(pool_task&& other) noexcept
    : timer(std::move(other)),
      pool_(other.pool_),
      function_(other.function_),
      options_(std::move(other.options_)),
      retries_(other.retries_),
      may_wait_(other.may_wait_),
      several_calls_(other.several_calls_),
      looks_in_place_(other.looks_in_place_),
      alone_(other.alone_) {}

pool_task::~pool_task() {
  RINGMILL_CHECK(state_ != state::queued && !is_at_worker(), "a pool's task was destroyed before it had ended");
}

bool pool_task::await_suspend(waiter& who) {
  waiter_ = &who;
  return state_ != state::idle || pool_->submit(*this);
}

cancel_result pool_task::await_cancel(cancel_reason) noexcept { return pool_->cancel(*this); }

void pool_task::await_describe(task_writer& out) const {
  if (!slot_) return out.text("a worker that is free (" + pool_->summary() + ")");
  const std::string worker = "a worker, pid " + std::to_string(slot_->pid);
  if (is_armed()) {
    out.deadline(worker, *this);
  } else {
    out.text(worker);
  }
}

// The pool's side of it.

/// It ends before it was begun; gives false.
bool pool_core::refuse(pool_task& task, task_outcome how, std::exception_ptr why) noexcept {
  count(how);
  task.failure_ = std::move(why);
  task.state_ = pool_task::state::ended;
  return false;
}

/// From now on a task more waits or runs, until `forget`.
void pool_core::count_in() noexcept {
  // Only watches in the background tell of its end: waiting for it is no deadlock all the same.
  if (outstanding_++ != 0) return;
  ring_.work_sent_out();
  idle_.reset();
}

bool pool_core::submit(pool_task& task) noexcept {
  ++statistics_.submitted;
  if (unavailable_ && !task.goes_on_) return refuse(task, unavailable_as_, unavailable_);
  try {
    task.size_ = task.argument_bytes();
    task.profile_ = &profiles_[task.function_];
  } catch (...) {
    return refuse(task, task_outcome::task_error, std::current_exception());
  }
  if (task.size_ > options_.input_capacity()) {
    return refuse(task, task_outcome::payload_too_large,
                  std::make_exception_ptr(payload_too_large("arguments", task.size_, options_.input_capacity())));
  }
  if (task.goes_on_) return submit_to_lease(task);
  if (!may_run(task)) {
    return refuse(task, task_outcome::pool_unavailable,
                  std::make_exception_ptr(breaker_.refusal(task.function_, ring_.now())));
  }
  count_in();
  queue_.push_back(task);
  dispatch();
  if (task.state_ == pool_task::state::queued) task.submitted_ = ring_.now();  // else a worker has it already
  if (!task.may_wait_ && task.state_ == pool_task::state::queued &&
      (queue_.size() > options_.queue_limit() || queue_.bytes() > options_.queue_bytes())) {
    queue_.remove(task);
    forget(task);
    return refuse(task, task_outcome::queue_full,
                  std::make_exception_ptr(queue_full("process_pool: as many tasks wait for a worker as queue_limit and "
                                                     "queue_bytes allow")));
  }
  if (task.state_ == pool_task::state::queued && task.options_.queue_timeout() != duration::max()) {
    loop_.arm(task, saturating_add(task.submitted_, task.options_.queue_timeout()));
  }
  return true;
}

cancel_result pool_core::cancel(pool_task& task) noexcept {
  // A result that is there already beats the cancel.
  if (task.is_at_worker()) take_answers(*task.slot_, readers::get_copies);
  if (task.state_ == pool_task::state::queued) {
    queue_.remove(task);
  } else if (task.state_ != pool_task::state::running) {
    return cancel_result::pending();  // it has ended, and its waiter was woken
  } else {
    worker_slot& slot = *task.slot_;
    if (slot.head() == &task || !call_back(task)) {
      task.state_ = pool_task::state::stopping;
      loop_.disarm(task);
      const duration own = task.options_.cancel_grace();
      const duration grace = own < duration::zero() ? options_.cancel_grace() : own;
      slot.channel->ask_to_stop(task.sequence_);
      // A result of its may lie behind the one that is read now: then it is asked for when that has been read.
      if (grace > duration::zero() || slot.is_looked_at) {
        loop_.arm(task, saturating_add(ring_.now(), grace));
      } else {
        kill(slot, &task);
        dispatch();
      }
      return cancel_result::pending();
    }
  }
  forget(task);
  task.state_ = pool_task::state::cancelled;
  count(task_outcome::cancelled);
  return cancel_result::done();
}

/// Its timer: for the wait, for the run, or for what is left of that after a cancel.
void pool_core::time_is_over(pool_task& task) noexcept {
  if (task.state_ == pool_task::state::queued) {
    queue_.remove(task);
    return finish(task, task_outcome::deadline, std::make_exception_ptr(deadline_exceeded(false)));
  }
  worker_slot& slot = *task.slot_;
  take_answers(slot, readers::get_copies);
  if (!task.is_at_worker() || task.slot_ != &slot) return dispatch();  // it has just ended
  const bool nobody_waits = task.state_ == pool_task::state::stopping;
  kill(slot, &task);
  if (!nobody_waits) finish(task, task_outcome::deadline, std::make_exception_ptr(deadline_exceeded(true)));
  dispatch();
}

/// False: its function has killed too many workers lately. A stream that is read goes on all the same.
bool pool_core::may_run(pool_task& task) noexcept {
  if (!breaker_.is_on() || task.is_probe_ || task.goes_on_) return true;
  const circuit_breaker::verdict how = breaker_.judge(task.function_, ring_.now());
  task.is_probe_ = how == circuit_breaker::verdict::probe;
  return how != circuit_breaker::verdict::refuse;
}

void pool_core::finish(pool_task& task, task_outcome how, std::exception_ptr failure) noexcept {
  const bool came_back = how == task_outcome::value || how == task_outcome::task_error;
  if (came_back && std::exchange(task.is_probe_, false)) breaker_.probe_came_back(task.function_);
  forget(task);
  count(how);
  task.failure_ = std::move(failure);
  task.state_ = pool_task::state::ended;
  if (task.waiter_) task.waiter_->wake();
}

void pool_core::finish_cancelled(pool_task& task) noexcept {
  forget(task);
  count(task_outcome::cancelled);
  task.state_ = pool_task::state::cancelled;
  if (task.waiter_) task.waiter_->wake();
}

/// It is neither queued nor at a worker any more.
void pool_core::forget(pool_task& task) noexcept {
  loop_.disarm(task);
  if (task.slot_ && task.slot_->condemned == &task) task.slot_->condemned = nullptr;
  task.slot_ = nullptr;
  if (std::exchange(task.is_probe_, false)) breaker_.probe_was_lost(task.function_);
  if (--outstanding_ != 0) return;
  ring_.work_returned();
  if (leases_ == 0) idle_.set();
}

void pool_core::close() noexcept {
  if (unavailable_) return;
  unavailable_ = std::make_exception_ptr(pool_unavailable("process_pool: it was shut down"));
}

void pool_core::abandon_tasks() noexcept {
  const auto fail = [this](pool_task& task) {
    const bool nobody_waits = task.state_ == pool_task::state::stopping;
    if (nobody_waits) return finish_cancelled(task);
    finish(task, task_outcome::pool_unavailable,
           std::make_exception_ptr(pool_unavailable("process_pool: it was shut down while the task ran or waited")));
  };
  for (auto& slot : slots_) {
    if (slot->now == worker_slot::state::leased) kill(*slot, nullptr);
    if (slot->now != worker_slot::state::running) continue;
    take_answers(*slot, readers::get_copies);
    if (slot->now != worker_slot::state::running) continue;
    pool_task* head = slot->head();
    kill(*slot, head);  // the others wait again
    if (head) fail(*head);
  }
  while (pool_task* task = queue_.first()) {
    queue_.remove(*task);
    fail(*task);
  }
  for (auto& slot : slots_) {
    if (slot->condemned) fail(*slot->condemned);
  }
}

std::vector<int> pool_core::worker_pids() const {
  std::vector<int> pids;
  for (const auto& slot : slots_) {
    if (slot->pid != 0) pids.push_back(slot->pid);
  }
  return pids;
}

std::string pool_core::summary() const {
  const std::string name = options_.name().empty() ? "" : "\"" + options_.name() + "\": ";
  return name + std::to_string(busy_workers()) + " of " + std::to_string(options_.workers()) + " workers run " +
         std::to_string(outstanding_ - queue_.size()) + " tasks, " + std::to_string(queue_.size()) + " wait";
}

pool_statistics pool_core::stats() const {
  static constexpr const char* states[] = {"empty", "starting", "idle", "running", "leased", "dying"};
  pool_statistics now = statistics_;
  now.queued = queue_.size();
  now.queued_bytes = queue_.bytes();
  now.running = outstanding_ - queue_.size();
  if (buffers_) now.buffer_bytes = buffers_->in_use();
  for (const auto& slot : slots_) {
    if (slot->pid == 0) continue;
    worker_status& one = now.workers.emplace_back();
    one.pid = slot->pid;
    one.state = states[static_cast<std::size_t>(slot->now)];
    one.in_flight = slot->now == worker_slot::state::running ? slot->in_flight() : 0;
    one.tasks = slot->answered;
  }
  return now;
}

}  // namespace ringmill::detail
