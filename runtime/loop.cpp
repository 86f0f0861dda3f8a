#include <ringmill/runtime/loop.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include <ringmill/runtime/inspect.hpp>
#include <ringmill/runtime/log.hpp>

namespace ringmill {

namespace detail {
constinit thread_local thread_state this_thread;
}  // namespace detail

namespace {

/// The one who waits for the root task: it only notes that it is over.
class root_waiter : public callback_waiter {
 public:
  root_waiter() noexcept : callback_waiter(&note) {}
  const bool& over() const noexcept { return over_; }

 private:
  static void note(callback_waiter& self) noexcept { static_cast<root_waiter&>(self).over_ = true; }
  bool over_ = false;
};

/// Never 0, and not given again soon.
std::uint16_t next_loop_id() noexcept {
  static constinit std::atomic<std::uint16_t> last = 0;
  std::uint16_t id = 0;
  while (id == 0) id = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return id;
}

/// What a waiter may do inside of one resume, see take_inline_budget().
constexpr int inline_budget = 128;

/// Without the tree where there is no memory for it.
void log_tasks(loop& here, log_level level, const char* what) noexcept {
  try {
    log(level, std::string(what) + "\n" + here.dump_tasks());
  } catch (const std::bad_alloc&) {
    log(level, what);
  }
}

constexpr cancel_reason deadlocked("deadlock: nothing was left that could wake it");
constexpr cancel_reason shut_down("its loop is shut down");
constexpr cancel_reason detached_failed("a detached task failed");

}  // namespace

/// `run` and `run_once`: the loop is the thread's own, and not entered twice.
class loop::running_scope {
 public:
  explicit running_scope(loop& here) : here_(here) {
    loop* const attached = detail::this_thread.attached_loop;
    if (here.running_ || (attached && attached != &here)) {
      throw std::logic_error("run() inside of a running loop: co_await the task instead, or start it in a nursery");
    }
    here.running_ = true;
    if (!attached) attachment_.emplace(here);
  }
  ~running_scope() { here_.running_ = false; }
  running_scope(const running_scope&) = delete;
  running_scope& operator=(const running_scope&) = delete;

 private:
  loop& here_;
  std::optional<attachment> attachment_;
};

/// A call from another thread.
class loop::calling_scope {
 public:
  explicit calling_scope(int& calls) noexcept : calls_(calls) { calls_.fetch_add(1, std::memory_order_relaxed); }
  ~calling_scope() { calls_.fetch_sub(1, std::memory_order_release); }
  calling_scope(const calling_scope&) = delete;
  calling_scope& operator=(const calling_scope&) = delete;

 private:
  std::atomic_ref<int> calls_;
};

loop::loop(driver& below) noexcept
    : driver_(below),
      id_(next_loop_id()),
      detached_(nursery::supervising([this](std::exception_ptr error) { unhandled(std::move(error)); })) {}

loop::~loop() {
  RINGMILL_CHECK(ready_.empty() && timers_.empty() && !detached_open_,
                 "a loop was destroyed with tasks in it: call its shutdown() first");
  // What was posted may have ended the loop while its post() has still to wake the driver.
  while (std::atomic_ref(calls_under_way_).load(std::memory_order_acquire) != 0) std::this_thread::yield();
  for (detail::posted_node* node = posted_; node;) delete std::exchange(node, node->next);
}

loop& loop::current() {
  loop* const here = detail::this_thread.attached_loop;
  if (!here) throw std::logic_error("no loop runs on this thread: call this from a task, inside rm::run()");
  return *here;
}

loop::attachment::attachment(loop& here) {
  if (detail::this_thread.attached_loop) throw std::logic_error("this thread has a loop already");
  detail::this_thread.attached_loop = &here;
  detail::this_thread.ready = &here.ready_;
  detail::this_thread.loop_id = here.id_;
  here.read_clock();
}

loop::attachment::~attachment() {
  detail::this_thread.attached_loop = nullptr;
  detail::this_thread.ready = nullptr;
  detail::this_thread.loop_id = 0;
  detail::this_thread.inline_steps = 0;
}

loop::expected_post::expected_post(loop& here) noexcept : loop_(&here) { ++here.expected_posts_; }
loop::expected_post::~expected_post() {
  if (loop_) --loop_->expected_posts_;
}

void loop::cancel_root(cancel_reason why) noexcept {
  if (root_ && root_->promise_) detail::request_cancel(*root_->promise_, why);
}

/// Gives the error of a detached task, if there was one that nobody handled.
std::exception_ptr loop::run_to_end(detail::task_base& root) {
  running_scope scope(*this);
  root_waiter end;
  root.await_ready();  // a moved-from task throws here
  detail::this_thread.inline_steps = inline_budget;
  root_ = &root;
  std::exception_ptr deadlock;
  try {
    beat();  // the root's first steps run outside of any turn
    const bool suspended = root.await_suspend(end);
    beat();
    if (suspended) run_until(end.over(), false);
  } catch (...) {  // a deadlock, or there is no memory to say so
    deadlock = std::current_exception();
    cancel_root(deadlocked);
    run_until(end.over(), true);
  }
  root_ = nullptr;
  running_ = false;  // for shutdown, which is a run of its own
  std::exception_ptr of_detached;
  try {
    shutdown();
  } catch (...) {
    of_detached = std::current_exception();
  }
  if (deadlock) {
    if (of_detached) log_lost(of_detached);
    std::rethrow_exception(deadlock);
  }
  if (!root.await_must_resume()) {
    if (of_detached) std::rethrow_exception(of_detached);
    throw operation_cancelled();
  }
  return of_detached;
}

// These two are inlined wherever they are called: their frames, made in every turn, would be a tenth of it.

[[gnu::always_inline]] void loop::run_ready() noexcept {
  run_queue batch = ready_.take();
  while (waiter* item = batch.pop()) {
    item->woken_ = false;
    detail::this_thread.inline_steps = inline_budget;
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

/// The first half of a turn.
[[gnu::always_inline]] void loop::run_tasks() noexcept {
  ++statistics_.turns;
  beat();
  if (has_posted()) run_posted();
  run_ready();
  beat();
}

void loop::run_until(const bool& over, bool is_cancelled) {
  for (;;) {
    run_tasks();
    if (over) return;
    if (!can_go_on()) {
      if (is_cancelled) log_tasks(*this, log_level::error, "deadlock: tasks refuse to end after they were cancelled");
      RINGMILL_CHECK(!is_cancelled, "deadlock: tasks refuse to end after they were cancelled");
      throw deadlock_error(
          "deadlock: every task waits for another one, and no timer or operation is left to wake any\n" + dump_tasks());
    }
    look_outside(time_point::max());
  }
}

void loop::shutdown(duration patience) {
  if (detached_open_ || has_posted()) {
    const running_scope scope(*this);
    open_detached();  // what is posted may detach
    detached_.cancel(shut_down);
    const time_point limit = saturating_add(now(), patience);
    bool named = false;
    for (;;) {
      run_tasks();
      if (detached_.size() == 1 && !has_posted()) break;
      if (!can_go_on()) log_tasks(*this, log_level::error, "tasks refuse to end at shutdown");
      RINGMILL_CHECK(can_go_on(), "detached tasks refuse to end after they were cancelled");
      look_outside(named ? time_point::max() : limit);
      if (!named && now() >= limit) {
        named = true;
        log_tasks(*this, log_level::warning, "tasks that have not ended since the loop's shutdown began");
      }
    }
    detached_open_ = false;
    --detached_.size_;
    detached_.joiner_ = nullptr;
  }
  rethrow_unhandled();
}

void loop::log_lost(const std::exception_ptr& error) noexcept {
  log(log_level::error, {"one more error that nobody handles"}, error);
}

void loop::run_once(time_point until) {
  {
    const running_scope scope(*this);
    run_tasks();
    look_outside(until);
  }
  rethrow_unhandled();
}

std::optional<time_point> loop::next_deadline() noexcept {
  if (!ready_.empty() || has_posted()) return now();
  return timers_.next_deadline();
}

bool loop::can_go_on() const noexcept {
  return !ready_.empty() || !timers_.empty() || expected_posts_ > 0 || driver_.can_wake() || has_posted();
}

/// The second half: takes in what has happened; if nothing is ready it blocks for it, until `until` at the latest.
void loop::look_outside(time_point until) {
  if (!ready_.empty() || has_posted()) {
    driver_.poll();
    if (resumes_until_clock_read_ <= 0) look_at_clock();
  } else {
    wait(until);
  }
}

// These two are not inlined: their frames would be made in every turn.

[[gnu::noinline]] void loop::look_at_clock() noexcept {
  const time_point before = detail::this_thread.coarse_now;
  fire_timers();
  adapt_clock_reads(detail::this_thread.coarse_now - before);
  resumes_until_clock_read_ = resumes_per_clock_read_;
}

[[gnu::noinline]] void loop::wait(time_point until) {
  if (until == time_point::min()) {
    driver_.poll();
  } else {
    ++statistics_.waits;
    std::optional<time_point> deadline = timers_.next_deadline();
    if (until != time_point::max()) deadline = deadline ? std::min(*deadline, until) : until;
    driver_.wait(deadline);
  }
  fire_timers();
  resumes_until_clock_read_ = resumes_per_clock_read_;
}

void loop::fire_timers() noexcept {
  const time_point now = read_clock();
  if (!timers_.empty()) timers_.fire_until(now);
}

/// A read takes some 25 ns: as much as four resumes of a task that only yields, and nothing beside one that computes.
void loop::adapt_clock_reads(duration since_last) noexcept {
  constexpr duration too_long = std::chrono::microseconds(200);
  if (since_last > too_long) {
    const auto fitting = resumes_per_clock_read_ * too_long.count() / since_last.count();
    resumes_per_clock_read_ = std::max(1, static_cast<int>(fitting));
  } else if (2 * since_last < too_long) {
    resumes_per_clock_read_ = std::min(2 * resumes_per_clock_read_, most_resumes_per_clock_read);
  }
}

time_point loop::read_clock() noexcept { return detail::this_thread.coarse_now = driver_.now(); }

void loop::wake() noexcept {
  const calling_scope scope(calls_under_way_);
  driver_.wake();
}

/// Only the loop's thread writes it: a locked addition would take longer than the rest of a turn.
void loop::beat() noexcept { std::atomic_ref(heartbeat_).store(heartbeat_ + 1, std::memory_order_relaxed); }

std::uint64_t loop::heartbeat() const noexcept {
  return std::atomic_ref<const std::uint64_t>(heartbeat_).load(std::memory_order_relaxed);
}

bool loop::has_posted() const noexcept { return std::atomic_ref(posted_).load(std::memory_order_relaxed) != nullptr; }

void loop::post_node(detail::posted_node& node) noexcept {
  const calling_scope scope(calls_under_way_);
  const std::atomic_ref posted(posted_);
  detail::posted_node* first = posted.load(std::memory_order_relaxed);
  do {
    node.next = first;
  } while (!posted.compare_exchange_weak(first, &node, std::memory_order_release, std::memory_order_relaxed));
  // Whoever posted before has woken it, and it has not taken the list since.
  if (!first) driver_.wake();
}

void loop::run_posted() noexcept {
  detail::posted_node* newest = std::atomic_ref(posted_).exchange(nullptr, std::memory_order_acquire);
  detail::posted_node* oldest = nullptr;
  while (newest) {
    detail::posted_node* const next = std::exchange(newest->next, oldest);
    oldest = std::exchange(newest, next);
  }
  while (oldest) {
    const std::unique_ptr<detail::posted_node> node(std::exchange(oldest, oldest->next));
    ++statistics_.posted;
    try {
      node->call();
    } catch (...) {
      unhandled(std::current_exception());
    }
  }
}

void loop::open_detached() {
  if (detached_open_) return;
  detached_.open(detached_joiner_);
  ++detached_.size_;  // a member that never ends, so that the nursery is not left when the last task has ended
  detached_open_ = true;
}

void loop::unhandled(std::exception_ptr error) noexcept {
  if (on_error_) {
    try {
      const error_handler handler = on_error_;  // it may replace itself
      handler(error);
      return;
    } catch (...) {
      log_lost(std::exchange(error, std::current_exception()));
    }
  }
  if (unhandled_) {
    log_lost(error);
    return;
  }
  unhandled_ = std::move(error);
  cancel_root(detached_failed);
}

void loop::rethrow_unhandled() {
  if (unhandled_) std::rethrow_exception(std::exchange(unhandled_, nullptr));
}

std::string loop::dump_tasks() {
  task_writer out;
  if (root_ && root_->promise_) out.tree(*root_->promise_, 0);
  for (const detail::promise_base* task = detached_.children_; task; task = task->next_sibling()) out.tree(*task, 0);
  return out.take();
}

}  // namespace ringmill
