// Which worker gets which task, and what its answers mean.
//
// A worker that is idle gets the first task of the queue. One that is busy gets more only if they are short: so much
// that it need not wait for the host between two of them, and so little that nobody waits long behind them. What lies
// behind a task that takes longer than expected is taken back as soon as another worker is free: the worker says that
// it begins a task before it looks whether it still should, so either it sees that or the host sees that it is too
// late.
#include <fcntl.h>

#include <charconv>
#include <string>
#include <utility>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/offload/detail/pool_core.hpp>
#include <ringmill/offload/exception_codec.hpp>

namespace ringmill::detail {

namespace {

constexpr duration most_backlog = std::chrono::microseconds(100);
/// A worker that runs something longer than this gets nothing more meanwhile.
constexpr duration longest_head = std::chrono::milliseconds(1);
constexpr duration overdue_after = std::chrono::milliseconds(1);
constexpr duration time_to_skip = std::chrono::seconds(5);
constexpr std::uint32_t most_in_flight = ring_entries / 2;
/// A reader may give calls to the worker whose result it reads. Were there a whole ring of them, the last one's answer
/// would be written to where that result lies.
static_assert(most_in_flight < ring_entries);

/// Resident, in bytes; 0 if it cannot be told.
std::size_t memory_of(int pid) noexcept {
  char path[32] = "/proc/";
  char* end = std::to_chars(path + 6, path + 20, pid).ptr;
  std::char_traits<char>::copy(end, "/statm", 7);
  const fd file(files().open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC));
  char text[128];
  const int size = file ? ipc().read_at_once(file.number(), text, sizeof text) : 0;
  const char* const last = text + (size > 0 ? size : 0);
  std::size_t total = 0;
  std::size_t resident = 0;
  const char* rest = std::from_chars(text, last, total).ptr;
  if (rest != last) std::from_chars(rest + 1, last, resident);
  return resident * page_size;
}

}  // namespace

void pool_core::dispatch() noexcept {
  fill_idle_workers();
  if (!queue_.empty()) prefetch();
  // A worker that is idle now will not tell when a task elsewhere, which others lie behind, has become slow.
  if (prefetched_ != 0 && queue_.empty() && !look_again_.is_armed() && busy_workers() < options_.workers()) {
    loop_.arm(look_again_, saturating_add(ring_.now(), overdue_after));
  }
}

std::size_t pool_core::busy_workers() const noexcept {
  std::size_t busy = 0;
  for (const auto& slot : slots_) {
    busy += slot->now == worker_slot::state::running || slot->now == worker_slot::state::leased ? 1 : 0;
  }
  return busy;
}

void pool_core::fill_idle_workers() noexcept {
  if (queue_.empty() && prefetched_ == 0) return;
  for (auto& slot : slots_) {
    while (slot->now == worker_slot::state::idle) {
      if (busy_workers() >= options_.workers()) return;
      // What lies behind a slow task elsewhere came before all that is in the queue.
      if (pool_task* task = prefetched_ != 0 ? take_back() : nullptr) queue_.push_front(*task);
      pool_task* task = queue_.first();
      if (!task) return;
      queue_.remove(*task);
      assign(*slot, *task);
    }
  }
}

void pool_core::prefetch() noexcept {
  while (pool_task* task = queue_.first()) {
    worker_slot* slot = task->alone_ ? nullptr : shortest_backlog(*task);
    if (!slot) return;
    queue_.remove(*task);
    if (!assign(*slot, *task) && task->state_ == pool_task::state::queued) return;
  }
}

worker_slot* pool_core::shortest_backlog(const pool_task& task) noexcept {
  if (!task.profile_->is_known() || task.profile_->typical() > most_backlog) return nullptr;
  worker_slot* best = nullptr;
  for (auto& slot : slots_) {
    if (slot->now != worker_slot::state::running || slot->in_flight() >= most_in_flight) continue;
    const pool_task* head = slot->head();
    if (!head || head->alone_ || !head->profile_->is_known() || head->profile_->typical() > longest_head) continue;
    if (slot->backlog + task.profile_->typical() > most_backlog) continue;
    if (!best || slot->backlog < best->backlog) best = slot.get();
  }
  return best;
}

/// The oldest task that lies behind a slow one, and was not begun; it belongs to nobody then.
pool_task* pool_core::take_back() noexcept {
  const time_point now = ring_.now();
  for (auto& slot : slots_) {
    if (slot->now != worker_slot::state::running || now - slot->head_since < overdue_after) continue;
    if (slot->is_looked_at) continue;  // `head_since` is of the call that is read, and there may be no other
    for (std::uint32_t number = slot->first + 1; number != slot->end(); ++number) {
      pool_task* task = slot->task_at(number);
      if (!task || task->state_ != pool_task::state::running || !call_back(*task)) continue;
      task->slot_ = nullptr;
      ++statistics_.taken_back;
      return task;
    }
  }
  return nullptr;
}

/// A task that lies behind another. True: the worker does not begin it.
bool pool_core::call_back(pool_task& task) noexcept {
  worker_slot& slot = *task.slot_;
  if (!slot.channel->revoke(task.sequence_)) return false;
  slot.task_at(task.sequence_) = nullptr;
  --prefetched_;
  slot.backlog -= std::min(slot.backlog, task.profile_->typical());
  return true;
}

/// False: it has ended, or it waits again, since there is no room for its arguments now.
bool pool_core::assign(worker_slot& slot, pool_task& task) noexcept {
  const time_point now = ring_.now();
  try {
    std::byte* memory = slot.channel->reserve(task.size_);
    if (!memory) {
      queue_.push_front(task);
      return false;
    }
    if (!may_run(task)) {
      finish(task, task_outcome::pool_unavailable, std::make_exception_ptr(breaker_.refusal(task.function_, now)));
      return false;
    }
    if (quarantine_.knows(task.function_)) {
      if (auto refusal = quarantine_.refuses(task.function_, task.argument_hash(), now)) {
        finish(task, task_outcome::worker_crashed, std::make_exception_ptr(*refusal));
        return false;
      }
    }
    if (buffers_) buffers_->forget_noted();
    task.write_arguments(std::span<std::byte>(memory, task.size_));
    if (buffers_) slot.reading.begin(*buffers_.get(), slot.end());
  } catch (...) {
    finish(task, task_outcome::task_error, std::current_exception());
    return false;
  }
  loop_.disarm(task);
  if (task.submitted_ == time_point()) task.submitted_ = now;
  task.state_ = pool_task::state::running;
  task.slot_ = &slot;
  const bool is_head = slot.now != worker_slot::state::running;
  if (task.lease_ && !task.goes_on_) lease_to(*task.lease_, slot);
  slot.now = worker_slot::state::running;
  statistics_.bytes_in += task.size_;
  task.sequence_ = slot.channel->stage(task.function_, task.size_);
  slot.task_at(task.sequence_) = &task;
  // A worker that is woken for its first call and for each behind it would run dry between them. So where the end of
  // the turn is to come anyway, the call waits for those that are made until then.
  slot.has_staged = !is_head || turn_end_->is_woken();
  if (is_head) {
    if (!slot.has_staged) slot.channel->publish();
    slot.backlog = duration::zero();
    begin_head(slot, now);
  } else {
    end_turn_soon();
    ++prefetched_;
    slot.backlog += task.profile_->typical();
  }
  return true;
}

/// The oldest of its tasks is the one that it runs from now on.
void pool_core::begin_head(worker_slot& slot, time_point now) noexcept {
  slot.head_since = now;
  pool_task* task = slot.head();
  if (!task) return slot.expect_soon(time_to_skip);  // called back: it says so at once, unless it hangs
  statistics_.queue_time.record(now - task->submitted_);
  // One that is stopping has its grace: the worker had said that it was begun, behind another one.
  if (task->state_ == pool_task::state::running && task->options_.run_timeout() != duration::max()) {
    loop_.arm(*task, saturating_add(now, task->options_.run_timeout()));
  }
}

void pool_core::end_turn_soon() noexcept {
  if (!turn_end_->is_woken()) turn_end_->wake();
}

void pool_core::end_turn() noexcept {
  bool any = false;
  for (auto& slot : slots_) {
    if (std::exchange(slot->has_staged, false)) slot->channel->publish();
    if (!slot->is_awake || slot->now == worker_slot::state::dying) continue;
    if (take_answers(*slot, readers::run)) {
      any = true;
    } else if (slot->now != worker_slot::state::dying) {
      if (!slot->listen()) end_turn_soon();
      if (slot->now == worker_slot::state::running) take_progress(*slot);  // what came while nobody was woken
    }
  }
  if (any) end_turn_soon();
  dispatch();  // in any case: a cancel may have taken the answers, and left a worker idle
}

void pool_core::worker_spoke(worker_slot& slot) noexcept {
  take_answers(slot, readers::wait);
  if (slot.now == worker_slot::state::running) take_progress(slot);
  dispatch();
  end_turn_soon();  // behind the tasks that have their results now: what they call next is published with the rest
}

/// Whatever it has published; the first thing that is wrong is the last that is looked at. False: nothing.
bool pool_core::take_answers(worker_slot& slot, readers may) noexcept {
  if (slot.now == worker_slot::state::dying || slot.now == worker_slot::state::empty) return false;
  if (slot.is_looked_at) return false;  // it is the reader that asks: the next ones come behind what it reads
  const auto next = [&]() -> std::optional<response> {
    const pool_task* task = slot.head();  // whose answer it is
    if (may == readers::wait && task && task->looks_in_place_) return std::nullopt;
    return slot.channel->take();
  };
  try {
    std::optional<response> answer = next();
    if (!answer) return false;
    lazy_clock clock(ring_);
    for (; answer; answer = next()) take_answer(slot, *answer, may, clock);
    if (slot.now == worker_slot::state::running && slot.in_flight() == 0) became_idle(slot, clock);
  } catch (const std::exception& error) {
    violated(slot, error.what());
  }
  return true;
}

void pool_core::take_answer(worker_slot& slot, const response& answer, readers may, lazy_clock& clock) {
  if (answer.status == response_status::ready) {
    slot.is_ready = true;
    if (slot.pid != 0) slot.is_here();
    pause_ = duration::zero();
    if (slot.pid != 0) slot.now = worker_slot::state::idle;
    return slot.channel->done_reading();
  }
  pool_task* task = slot.task_at(answer.sequence);
  if (!task) slot.is_here();  // see begin_head
  if (task && answer.status == response_status::skipped) {
    // It saw a wish that came too late to be sure of it.
    if (!slot.channel->was_called_back(answer.sequence)) throw protocol_error("it skipped a task without being asked");
    slot.task_at(answer.sequence) = nullptr;
    requeue(*task);
  } else if (task) {
    task->run_time_ = answer.run_time;
    read_answer(*task, answer, may);  // throws: the task is still its own, and blamed
    // The worker's word, unless it is the most that it can say: several answers that come together have no other time.
    constexpr std::uint32_t most = ~std::uint32_t{0};
    statistics_.run_time.record(answer.run_time == most ? clock.now() - slot.head_since : duration(answer.run_time));
    statistics_.bytes_out += answer.payload.size();
    task->profile_->record(answer.run_time);
    ++slot.answered;
    slot.task_at(answer.sequence) = nullptr;
  }
  slot.first = answer.sequence + 1;
  if (!slot.reading.empty()) slot.reading.end(answer.sequence);
  if (pool_task* next = slot.head()) {
    --prefetched_;
    slot.backlog -= std::min(slot.backlog, next->profile_->typical());
  }
  if (may == readers::run && task && task->looks_in_place_ && answer.status == response_status::value) {
    look_in_place(slot, *task, clock);
  }
  slot.channel->done_reading();
  if (slot.in_flight() != 0) begin_head(slot, clock.now());
}

/// The task has ended, and is there all the same: it was woken, and only the loop resumes it.
void pool_core::look_in_place(worker_slot& slot, pool_task& task, lazy_clock& clock) noexcept {
  const deaf_section quiet(*this);  // a reader that closes a handle waits: a death that comes meanwhile must wait too
  slot.is_looked_at = true;
  task.look_at_result();
  slot.is_looked_at = false;
  clock.read_again();  // the next one may have waited for the memory: that is not its fault
}

/// Throws protocol_error if the answer is nonsense.
void pool_core::read_answer(pool_task& task, const response& answer, readers may) {
  switch (answer.status) {
    case response_status::error:
      return finish(task, task_outcome::task_error, decode_exception(answer.payload));
    case response_status::too_large:
      return finish(task, task_outcome::payload_too_large,
                    std::make_exception_ptr(payload_too_large("results", static_cast<std::size_t>(answer.needed),
                                                              options_.output_capacity())));
    case response_status::stopped:
      if (task.state_ != pool_task::state::stopping) throw protocol_error("it stopped a task without being asked");
      return finish_cancelled(task);
    default:
      try {
        if (may == readers::get_copies && task.looks_in_place_) {
          task.copy_result(answer.payload);
        } else {
          task.read_result(answer.payload);
        }
      } catch (const protocol_error&) {
        throw;
      } catch (...) {  // no memory here, or the result's own codec
        return finish(task, task_outcome::task_error, std::current_exception());
      }
      return finish(task, task_outcome::value, nullptr);
  }
}

void pool_core::take_progress(worker_slot& slot) noexcept {
  pool_task* task = slot.head();
  if (!task || task->state_ != pool_task::state::running || !task->options_.on_progress()) return;
  const float done = slot.channel->progress_of(task->sequence_);
  if (done < 0 || done == task->progress_) return;
  task->progress_ = done;
  task->options_.on_progress()(static_cast<double>(done));
}

void pool_core::became_idle(worker_slot& slot, lazy_clock& clock) noexcept {
  slot.now = slot.lease ? worker_slot::state::leased : worker_slot::state::idle;
  if (slot.lease) return;
  if (!is_worn_out(slot, clock)) return;
  ++statistics_.recycled;
  slot.kill();  // it owns nothing that needs an orderly end
}

bool pool_core::is_worn_out(worker_slot& slot, lazy_clock& clock) noexcept {
  constexpr std::uint64_t most_tasks = std::uint64_t{1} << 30;  // its calls are numbered with 32 bits
  constexpr duration between_looks = std::chrono::milliseconds(100);
  const auto with_jitter = [&slot](auto limit) { return static_cast<double>(limit) * slot.jitter; };
  if (slot.first > most_tasks) return true;
  const std::uint64_t tasks = options_.recycle_after_tasks();
  if (tasks != 0 && static_cast<double>(slot.answered) >= with_jitter(tasks)) return true;
  const duration age = options_.recycle_after();
  if (age > duration::zero() && static_cast<double>((clock.now() - slot.born).count()) >= with_jitter(age.count())) {
    return true;
  }
  const std::size_t memory = options_.recycle_above_memory();
  if (memory == 0 || clock.now() - slot.memory_seen < between_looks) return false;
  slot.memory_seen = clock.now();
  return static_cast<double>(memory_of(slot.pid)) > with_jitter(memory);
}

}  // namespace ringmill::detail
