#include <ringmill/runtime/loop.hpp>

#include <stdexcept>
#include <string>

namespace ringmill {

namespace detail {
constinit thread_local loop* current_loop = nullptr;
constinit thread_local run_queue* current_ready_queue = nullptr;
}

namespace {

/// The one who waits for the root task: it only notes that it is over.
class root_waiter : public callback_waiter {
 public:
  root_waiter() noexcept : callback_waiter(&note) {}
  bool over() const noexcept { return over_; }

 private:
  static void note(callback_waiter& self) noexcept { static_cast<root_waiter&>(self).over_ = true; }
  bool over_ = false;
};

/// Makes a loop the thread's own while it runs.
class current_loop_scope {
 public:
  current_loop_scope(loop& now, run_queue& ready) {
    if (detail::current_loop) {
      throw std::logic_error(
          "run() inside of a running loop: co_await the task instead, or start it in a nursery");
    }
    detail::current_loop = &now;
    detail::current_ready_queue = &ready;
  }
  ~current_loop_scope() {
    detail::current_loop = nullptr;
    detail::current_ready_queue = nullptr;
  }
  current_loop_scope(const current_loop_scope&) = delete;
  current_loop_scope& operator=(const current_loop_scope&) = delete;
};

std::string describe_deadlock(const std::source_location& where) {
  std::string text = "deadlock: every task waits for another one, and no timer or operation is left to wake any";
  if (where.line() != 0) {
    text += "; the root task waits at ";
    text += where.file_name();
    text += ":" + std::to_string(where.line());
  }
  return text;
}

}  // namespace

loop& loop::current() {
  if (!detail::current_loop) throw std::logic_error("no loop runs on this thread: call this from a task, inside rm::run()");
  return *detail::current_loop;
}

loop::~loop() { RINGMILL_CHECK(ready_.empty() && timers_.empty(), "a loop was destroyed with tasks in it"); }

void loop::cancel_root() noexcept {
  if (root_ && root_->promise_) detail::request_cancel(*root_->promise_);
}

void loop::run_to_end(detail::task_base& root) {
  const current_loop_scope scope(*this, ready_);
  root_waiter end;
  root.await_ready();  // a moved-from task throws here
  budget_ = inline_budget;
  root_ = &root;
  std::string deadlock;
  if (root.await_suspend(end)) {
    while (!end.over()) {
      if (ready_.empty() && timers_.empty() && !driver_.can_wake()) {
        RINGMILL_CHECK(deadlock.empty(), "deadlock: tasks refuse to end after they were cancelled");
        deadlock = describe_deadlock(root.promise_->where());
        cancel_root();
        RINGMILL_CHECK(!ready_.empty(), "deadlock: the root task waits for something that nothing can bring about");
      }
      turn();
    }
  }
  root_ = nullptr;
  if (!deadlock.empty()) throw deadlock_error(deadlock);
  if (!root.await_must_resume()) throw operation_cancelled();
}

void loop::turn() {
  ++statistics_.turns;
  run_ready();
  bool clock_is_due = false;
  if (!ready_.empty()) {
    driver_.poll();
    clock_is_due = resumes_until_clock_read_ <= 0;
  } else if (timers_.empty() && !driver_.can_wake()) {
    return;  // over, or deadlocked: run_to_end looks
  } else {
    ++statistics_.waits;
    driver_.wait(timers_.next_deadline());
    clock_is_due = true;
  }
  if (clock_is_due) {
    resumes_until_clock_read_ = resumes_per_clock_read;
    if (!timers_.empty()) timers_.fire_until(driver_.now());
  }
}

void loop::run_ready() noexcept {
  run_queue batch = ready_.take();
  while (waiter* item = batch.pop()) {
    item->woken_ = false;
    budget_ = inline_budget;
    ++statistics_.resumed;
    --resumes_until_clock_read_;
    if (item->kind_ == waiter::kind::coroutine) {
      static_cast<detail::promise_base*>(item)->run();
    } else {
      auto* callback = static_cast<callback_waiter*>(item);
      callback->call_(*callback);
    }
  }
}

}  // namespace ringmill
