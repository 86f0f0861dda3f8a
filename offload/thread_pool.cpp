#include <ringmill/offload/thread_pool.hpp>

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <system_error>

#include <ringmill/io/detail/fork_count.hpp>
#include <ringmill/offload/detail/thread_pool_core.hpp>
#include <ringmill/offload/error.hpp>

namespace ringmill {

namespace detail {

namespace {

/// While it lives, threads are started with all signals blocked but those that a thread brings upon itself.
class signals_blocked {
 public:
  signals_blocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    for (const int of_fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF}) {
      sigdelset(&all, of_fault);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

// --- what the awaiting task asks

/// On its way from the thread to the loop, which deletes it.
class thread_call::note final : public posted_node {
 public:
  explicit note(thread_call& call) noexcept : call_(call) {}
  void call() override { call_.ended(); }

 private:
  thread_call& call_;
};

thread_call::~thread_call() { RINGMILL_CHECK(!waiter_, "a call into a thread was destroyed before it had ended"); }

bool thread_call::await_suspend(waiter& who) {
  home_ = &loop::current();
  note_ = std::make_unique<note>(*this);
  pool_.submit(*this);
  waiter_ = &who;
  answer_will_come_.emplace(*home_);
  return true;
}

cancel_result thread_call::await_cancel(cancel_reason) noexcept {
  if (pool_.remove(*this)) {
    waiter_ = nullptr;
    note_.reset();
    answer_will_come_.reset();
    return cancel_result::done();
  }
  wake();  // stop_is_due, before the end of the call can be told: that comes through the same queue
  return cancel_result::pending();
}

void thread_call::await_describe(task_writer& out) const { pool_.describe(*this, out); }

void thread_call::ended() noexcept {
  pool_.forget_call();
  answer_will_come_.reset();
  std::exchange(waiter_, nullptr)->wake();
}

// --- the threads and their queue

thread_pool_core::thread_pool_core(const thread_pool_options& options) : options_(options), fork_count_(fork_count()) {}

thread_pool_core::~thread_pool_core() {
  {
    const std::lock_guard lock(mutex_);
    RINGMILL_CHECK(outstanding_ == 0, "a thread_pool was destroyed while its calls are awaited: it must outlive them");
    is_ending_ = true;
  }
  call_or_end_.notify_all();
  for (std::thread& one : threads_) one.join();
}

void thread_pool_core::submit(thread_call& call) {
  RINGMILL_CHECK(!is_of_parent(), "a thread_pool was used after fork(): its threads are in the parent only");
  {
    const std::lock_guard lock(mutex_);
    if (queued_ >= options_.queue_limit()) {
      throw queue_full("thread_pool \"" + options_.name() + "\": " + std::to_string(queued_) +
                       " calls wait for a thread, as many as its queue_limit");
    }
    if (queued_ >= idle_ && threads_.size() < options_.threads()) start_thread();
    call.previous_ = last_;
    (last_ ? last_->next_ : first_) = &call;
    last_ = &call;
    call.state_ = thread_call::state::queued;
    ++queued_;
    ++outstanding_;
  }
  call_or_end_.notify_one();
}

/// Throws if there is none at all; else those that are there will do.
void thread_pool_core::start_thread() {
  try {
    const signals_blocked scope;
    threads_.emplace_back([this] { serve(); });
  } catch (const std::system_error& error) {
    if (!threads_.empty()) return;
    throw std::system_error(error.code(), "thread_pool \"" + options_.name() +
                                              "\": its first thread could not be started; the limits are RLIMIT_NPROC "
                                              "(ulimit -u), pids.max of the cgroup, and memory for its stack");
  }
}

void thread_pool_core::serve() noexcept {
  pthread_setname_np(pthread_self(), options_.name().substr(0, 15).c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    call_or_end_.wait(lock, [&] { return first_ || is_ending_; });
    --idle_;
    if (!first_) return;
    thread_call& call = take_first();
    lock.unlock();
    call.call();
    // From here on the call may be gone, and its task, and its loop as soon as that has been told.
    loop& home = *call.home_;
    home.post_node(*call.note_.release());
    lock.lock();
    --running_;
  }
}

thread_call& thread_pool_core::take_first() noexcept {
  thread_call& call = *first_;
  unlink(call);
  call.state_ = thread_call::state::running;
  call.thread_ = gettid();
  ++running_;
  return call;
}

bool thread_pool_core::remove(thread_call& call) noexcept {
  const std::lock_guard lock(mutex_);
  if (call.state_ != thread_call::state::queued) return false;
  unlink(call);
  call.state_ = thread_call::state::ended;
  --outstanding_;
  return true;
}

void thread_pool_core::forget_call() noexcept {
  const std::lock_guard lock(mutex_);
  --outstanding_;
}

void thread_pool_core::unlink(thread_call& call) noexcept {
  (call.previous_ ? call.previous_->next_ : first_) = call.next_;
  (call.next_ ? call.next_->previous_ : last_) = call.previous_;
  --queued_;
}

void thread_pool_core::describe(const thread_call& call, task_writer& out) const {
  const std::lock_guard lock(mutex_);
  if (call.state_ == thread_call::state::running) {
    return out.text("a call in thread " + std::to_string(call.thread_) + " of the thread_pool \"" + options_.name() +
                    "\"");
  }
  out.text("a free thread of the thread_pool \"" + options_.name() + "\": " + std::to_string(running_) + " of " +
           std::to_string(options_.threads()) + " are busy, " + std::to_string(queued_) + " calls wait");
}

bool thread_pool_core::is_of_parent() const noexcept { return fork_count_ != fork_count(); }

std::size_t thread_pool_core::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

std::size_t thread_pool_core::queued() const {
  const std::lock_guard lock(mutex_);
  return queued_;
}

std::size_t thread_pool_core::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

}  // namespace detail

std::size_t thread_pool_options::default_threads() noexcept {
  return std::min<std::size_t>(32, std::thread::hardware_concurrency() + std::size_t{4});
}

thread_pool::thread_pool(const thread_pool_options& options) : core_(new detail::thread_pool_core(options)) {}
thread_pool::~thread_pool() {
  // In a forked child there are no threads to wait for, only what they left behind: locks, perhaps.
  if (!core_->is_of_parent()) delete core_;
}

std::size_t thread_pool::threads() const { return core_->threads(); }
std::size_t thread_pool::queued() const { return core_->queued(); }
std::size_t thread_pool::running() const { return core_->running(); }

thread_pool& default_thread_pool() {
  static constinit std::atomic<thread_pool*> present = nullptr;
  thread_pool* pool = present.load(std::memory_order_acquire);
  if (pool && !pool->core_->is_of_parent()) return *pool;
  auto made = std::make_unique<thread_pool>();
  if (present.compare_exchange_strong(pool, made.get(), std::memory_order_acq_rel)) return *made.release();
  return *pool;
}

}  // namespace ringmill
