// A worker has died, or has to: who is to blame, and who runs again.
//
// What it had published counts. Of the rest the oldest is the one that it ran, if it had begun it: that one is guilty.
// The others run again elsewhere, before all that waits. Where it cannot be told who it was (a channel full of
// nonsense), all run again, each alone, and whose worker does it once more is guilty. A zygote's death is nobody's
// fault, unless it happens three times to one task.
#include <sys/wait.h>

#include <csignal>
#include <utility>
#include <vector>

#include <ringmill/offload/detail/pool_core.hpp>

namespace ringmill::detail {

namespace {

worker_crashed crash_of(const worker_slot& slot, const zygote_message& death, std::string output) {
  process_usage usage;
  usage.user_time = std::chrono::microseconds(death.user_time_us);
  usage.system_time = std::chrono::microseconds(death.system_time_us);
  usage.peak_memory = static_cast<std::size_t>(death.peak_memory);
  return worker_crashed(slot.pid, death.status, usage, std::move(output));
}

}  // namespace

/// On account of one of its tasks, or of none. That one is left to the caller, or, if nobody waits for it, ends with
/// the process.
void pool_core::kill(worker_slot& slot, pool_task* about) noexcept {
  ++statistics_.killed;
  requeue_others(slot, about);
  if (about && about->state_ == pool_task::state::stopping) slot.condemned = about;
  slot.kill();
}

/// All its unanswered tasks but one; none of them is its own then.
void pool_core::requeue_others(worker_slot& slot, const pool_task* but) noexcept {
  for (std::uint32_t number = slot.end(); number-- != slot.first;) {
    pool_task* task = std::exchange(slot.task_at(number), nullptr);
    if (!task) continue;
    if (number != slot.first) --prefetched_;
    if (task != but) requeue(*task);
  }
}

/// It waits again, before all that came after it.
void pool_core::requeue(pool_task& task) noexcept {
  loop_.disarm(task);
  if (task.state_ == pool_task::state::stopping) return finish_cancelled(task);
  if (given_up_) return finish(task, unavailable_as_, unavailable_);
  if (task.goes_on_) {  // what it was to go on with has died with its worker
    zygote_message death;
    death.status = SIGKILL;
    return finish(task, task_outcome::worker_crashed, std::make_exception_ptr(crash_of(*task.slot_, death, {})));
  }
  if (task.lease_) lose(*task.slot_, nullptr);  // its stream begins again elsewhere
  task.slot_ = nullptr;
  ++statistics_.run_again;
  queue_.push_front(task);
}

/// It lies: nothing more is believed of this worker.
void pool_core::violated(worker_slot& slot, const char* what) noexcept {
  pool_task* only = slot.in_flight() == 1 ? slot.head() : nullptr;
  for (std::uint32_t number = slot.first; number != slot.end(); ++number) {
    pool_task* task = slot.task_at(number);
    if (!task) continue;
    if (task->alone_) only = task;  // it had the worker for itself when it was begun, and is not begun twice
    task->alone_ = true;
  }
  kill(slot, only);
  if (only && !slot.condemned) {
    finish(*only, task_outcome::protocol_violation, std::make_exception_ptr(protocol_violation(what)));
  }
}

/// Its process is dead: what it had answered counts, its tasks end or run again, the slot is empty.
void pool_core::bury(worker_slot& slot, const zygote_message& death) noexcept {
  take_answers(slot, readers::get_copies);
  const bool was_killed = slot.now == worker_slot::state::dying;
  slot.now = worker_slot::state::dying;  // nothing is given to it while the watch ends
  std::string output;
  {
    const deaf_section quiet(*this);
    slot.unwatch();
    output = slot.errors->finish();
  }
  if (!was_killed && slot.pid != 0) ++statistics_.crashes[WIFSIGNALED(death.status) ? WTERMSIG(death.status) : 0];
  if (slot.condemned) finish_cancelled(*slot.condemned);
  if (!was_killed) {
    pool_task* guilty = slot.head();
    if (guilty && !slot.channel->has_started(guilty->sequence_)) guilty = nullptr;
    requeue_others(slot, guilty);
    if (guilty) blame(*guilty, crash_of(slot, death, output));
  }
  lose(slot, std::make_exception_ptr(crash_of(slot, death, std::move(output))));
  slot.clear();
}

void pool_core::blame(pool_task& task, const worker_crashed& death) noexcept {
  if (task.state_ == pool_task::state::stopping) return finish_cancelled(task);
  try {
    if (breaker_.is_on() && !task.several_calls_) {
      breaker_.worker_died(task.function_, ring_.now(), death);
      task.is_probe_ = false;
    }
    if (quarantine_.is_on()) quarantine_.note(task.function_, task.argument_hash(), ring_.now(), death);
  } catch (...) {  // what cannot be noted is run again if it comes again
  }
  if (task.retries_ == 0 || breaker_.is_open(task.function_)) {
    return finish(task, task_outcome::worker_crashed, std::make_exception_ptr(death));
  }
  --task.retries_;
  requeue(task);
}

/// All workers have died with it.
void pool_core::bury_with_zygote(worker_slot& slot) noexcept {
  constexpr std::uint8_t most_deaths = 3;
  take_answers(slot, readers::get_copies);
  if (slot.now == worker_slot::state::running) {
    pool_task* first = slot.head();
    // The worker may live a moment longer than its zygote: what it has not begun it must not begin any more.
    if (first && slot.channel->revoke(first->sequence_)) first = nullptr;
    const bool is_at_fault = first && (first->options_.is_at_most_once() || ++first->deaths_ == most_deaths);
    requeue_others(slot, is_at_fault ? first : nullptr);
    if (is_at_fault) {
      zygote_message death;
      death.status = SIGKILL;
      finish(*first, task_outcome::worker_crashed, std::make_exception_ptr(crash_of(slot, death, {})));
    }
  }
  slot.kill();  // it dies with its zygote, but not before this
  {
    const deaf_section quiet(*this);
    slot.unwatch();
    slot.errors->finish();
  }
  if (slot.condemned) finish_cancelled(*slot.condemned);
  zygote_message death;
  death.status = SIGKILL;
  lose(slot, std::make_exception_ptr(crash_of(slot, death, {})));
  let_read_on(slot);
  slot.clear();
}

/// What it may still read, since it dies without a report.
void pool_core::let_read_on(worker_slot& slot) noexcept {
  if (slot.reading.empty() || !slot.pidfd) return;
  std::erase_if(late_readers_, [](const auto& one) { return one->is_gone(); });
  try {
    late_readers_.push_back(std::make_unique<late_reader>(std::move(slot.pidfd), std::move(slot.reading)));
  } catch (...) {  // no memory: what it reads meanwhile is a task's that runs again elsewhere
  }
}

}  // namespace ringmill::detail
