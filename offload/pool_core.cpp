#include <ringmill/offload/detail/pool_core.hpp>

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>

#include <ringmill/io/ops.hpp>
#include <ringmill/offload/exception_codec.hpp>
#include <ringmill/offload/registry.hpp>

namespace ringmill::detail {

/// Watches the zygote's socket.
class pool_core::control_watch final : public poll_op {
 public:
  control_watch(pool_core& pool, int socket) : poll_op(socket, POLLIN), pool_(pool) { start_in_background(); }
  ~control_watch() override {
    if (is_in_flight()) owner().cancel_and_wait(*this);
  }
  void arm_again() { resubmit(); }

 private:
  // The pool arms it again, or destroys it.
  void completed(std::int32_t result, std::uint32_t, bool) noexcept override {
    if (result != -ECANCELED) pool_.zygote_spoke();
  }
  pool_core& pool_;
};

// --- what the awaiting task asks
// ----------------------------------------------------------------------------------------

pool_task::~pool_task() {
  RINGMILL_CHECK(state_ != state::queued && state_ != state::running,
                 "a pool's task was destroyed before it had ended");
}

bool pool_task::await_suspend(waiter& who) {
  waiter_ = &who;
  pool_->submit(*this);
  return true;
}

cancel_result pool_task::await_cancel(cancel_reason) noexcept { return pool_->cancel(*this); }

void pool_task::await_describe(task_writer& out) const {
  const int worker = pool_->worker_of(*this);
  out.text(worker != 0 ? "a worker, pid " + std::to_string(worker) : "a worker that is free");
}

void pool_core::submit(pool_task& task) {
  if (unavailable_) throw pool_unavailable(unavailable_);
  const std::size_t size = task.argument_bytes();
  if (size > options_.input_capacity()) throw payload_too_large("arguments", size, options_.input_capacity());
  // Only watches in the background tell of its end: waiting for it is no deadlock all the same.
  if (outstanding_++ == 0) ring_.work_sent_out();
  enqueue(task);
  dispatch();
}

cancel_result pool_core::cancel(pool_task& task) noexcept {
  if (task.state_ == pool_task::state::queued) {
    unlink(task);
    task.state_ = pool_task::state::cancelled;
    forget_task();
    return cancel_result::done();
  }
  for (auto& slot : slots_) {
    if (slot->task != &task) continue;
    take_answer(*slot);  // a result that is there already beats the cancel
    if (slot->task != &task) break;
    ++statistics_.killed;
    task.state_ = pool_task::state::cancelled;  // and ends when the worker's death is reported
    slot->kill();
    break;
  }
  return cancel_result::pending();
}

// --- the pool and its workers
// -------------------------------------------------------------------------------------------

pool_core::pool_core(const pool_options& options)
    : options_(options), ring_(ring::current()), has_futex_(ring_.backend().supports(futex_wait_op::opcode)) {
  require_process_init();
  start_zygote();
  for (std::uint32_t i = 0; i < options_.workers(); ++i) slots_.push_back(std::make_unique<worker_slot>(*this, i));
  for (auto& slot : slots_) start_worker(*slot);
}

pool_core::~pool_core() {
  RINGMILL_CHECK(outstanding_ == 0, "a process_pool was destroyed while its tasks are awaited");
  control_.reset();
  for (auto& slot : slots_) {
    slot->kill();
    slot->unwatch();
  }
  zygote_.end();
}

void pool_core::start_zygote() {
  zygote_ = zygote_process::start();
  control_ = std::make_unique<control_watch>(*this, zygote_.socket());
}

void pool_core::start_worker(worker_slot& slot) {
  slot.channel =
      std::make_unique<host_channel>(options_.input_capacity(), options_.output_capacity(), ++slot.generation);
  if (!has_futex_) {
    slot.doorbell = fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!slot.doorbell) throw std::system_error(errno, std::generic_category(), "eventfd for a worker");
  }
  const std::array<int, most_descriptors> descriptors = {slot.channel->request_memory(),
                                                         slot.channel->response_memory(), slot.doorbell.number()};
  const std::span<const int> sent(descriptors.data(), slot.doorbell ? 3 : 2);
  if (!zygote_.spawn(slot.index, slot.generation, options_.niceness(), sent)) {
    throw std::system_error(errno, std::generic_category(), "asking the zygote for a worker");
  }
  slot.channel->forget_descriptors();
  slot.now = worker_slot::state::starting;
  ++statistics_.started;
  slot.watch();
}

void pool_core::zygote_spoke() noexcept {
  received_message received;
  for (;;) {
    switch (receive_message(zygote_.socket(), received, MSG_DONTWAIT)) {
      case receive_result::message:
        heard(received);
        continue;
      case receive_result::nothing:
        control_->arm_again();
        return;
      case receive_result::end:
        zygote_died();
        return;
    }
  }
}

void pool_core::heard(received_message& received) noexcept {
  const zygote_message& message = received.message;
  if (message.kind == message_kind::hello) {
    if (message.fingerprint != registry_fingerprint()) {
      give_up(
          "process_pool: the program's file was replaced: its workers would know other functions than this process");
    }
    return;
  }
  if (message.slot >= slots_.size()) return;
  worker_slot& slot = *slots_[message.slot];
  if (message.generation != slot.generation || slot.now == worker_slot::state::empty) return;
  switch (message.kind) {
    case message_kind::spawned:
      slot.pid = message.pid;
      slot.pidfd = std::move(received.descriptors[0]);
      if (slot.now == worker_slot::state::dying) {
        slot.kill();  // wished for before its number was known
      } else if (slot.is_ready) {
        slot.now = worker_slot::state::idle;  // it was faster than the news of it
        dispatch();
      }
      break;
    case message_kind::spawn_failed:
    case message_kind::exited:
      worker_ended(slot, message.status);
      break;
    default:
      break;
  }
}

void pool_core::worker_ended(worker_slot& slot, int wait_status) noexcept {
  const bool failed_start = slot.now == worker_slot::state::starting;
  bury(slot, wait_status);
  // Only deaths during the start count: a task that kills its worker costs itself, however often it happens.
  if (failed_start && start_failed_too_often()) {
    give_up("process_pool: its workers die while they start; see what they print");
  } else {
    refill();
  }
}

/// Its process is dead: what it had answered counts, the task that it ran ends, the slot is empty.
void pool_core::bury(worker_slot& slot, int wait_status) noexcept {
  take_answer(slot);
  slot.now = worker_slot::state::dying;  // nothing is given to it while the watch ends
  slot.unwatch();
  if (pool_task* task = std::exchange(slot.task, nullptr)) {
    if (task->state_ == pool_task::state::cancelled) {
      forget_task();
      task->waiter_->wake();
    } else {
      ++statistics_.crashed;
      end_task(*task, std::make_exception_ptr(worker_crashed(slot.pid, wait_status)));
    }
  }
  slot.clear();
}

/// All workers have died with it.
void pool_core::zygote_died() noexcept {
  control_.reset();
  for (auto& slot : slots_) {
    if (slot->now == worker_slot::state::empty) continue;
    take_answer(*slot);
    slot->kill();  // it dies with its zygote, but not before this
    bury(*slot, SIGKILL);
  }
  zygote_.end();
  if (unavailable_) return;
  if (start_failed_too_often()) return give_up("process_pool: its zygote dies again and again; see what it prints");
  try {
    start_zygote();
  } catch (const std::exception&) {
    return give_up("process_pool: its zygote cannot be started again");
  }
  refill();
}

void pool_core::refill() noexcept {
  for (auto& slot : slots_) {
    if (unavailable_ || slot->now != worker_slot::state::empty) continue;
    try {
      start_worker(*slot);
    } catch (const std::exception&) {
      slot->clear();
      const bool none_left = std::all_of(slots_.begin(), slots_.end(),
                                         [](const auto& other) { return other->now == worker_slot::state::empty; });
      if (none_left) give_up("process_pool: no worker can be started: no memory, descriptors or processes are left");
      return;
    }
  }
}

/// Ten in ten seconds: something is wrong that one more attempt does not mend.
bool pool_core::start_failed_too_often() noexcept {
  constexpr std::size_t most = 10;
  const time_point now = ring_.now();
  std::erase_if(failed_starts_, [&](time_point when) { return now - when > std::chrono::seconds(10); });
  failed_starts_.push_back(now);
  return failed_starts_.size() >= most;
}

void pool_core::give_up(const char* why) noexcept {
  unavailable_ = why;
  while (first_) {
    pool_task& task = *first_;
    unlink(task);
    end_task(task, std::make_exception_ptr(pool_unavailable(why)));
  }
}

// --- tasks and answers
// --------------------------------------------------------------------------------------------------

void pool_core::dispatch() noexcept {
  for (auto& slot : slots_) {
    while (first_ && slot->now == worker_slot::state::idle) {
      pool_task& task = *first_;
      unlink(task);
      assign(*slot, task);
    }
  }
}

void pool_core::assign(worker_slot& slot, pool_task& task) noexcept {
  try {
    const std::size_t size = task.argument_bytes();
    task.write_arguments(slot.channel->input().first(size));
    task.state_ = pool_task::state::running;
    slot.task = &task;
    slot.now = worker_slot::state::running;
    slot.channel->post(task.function_, size);
  } catch (...) {
    end_task(task, std::current_exception());
  }
}

void pool_core::worker_spoke(worker_slot& slot) noexcept {
  take_answer(slot);
  dispatch();
}

void pool_core::take_answer(worker_slot& slot) noexcept {
  if (slot.now == worker_slot::state::dying || slot.now == worker_slot::state::empty) return;
  try {
    const std::optional<response> answer = slot.channel->take();
    if (!answer) return;
    if (answer->status == response_status::ready) {
      slot.is_ready = true;
      if (slot.pid != 0) slot.now = worker_slot::state::idle;
      return;
    }
    std::exception_ptr failure = read_answer(*slot.task, *answer);
    ++statistics_.finished;
    slot.now = worker_slot::state::idle;
    end_task(*std::exchange(slot.task, nullptr), std::move(failure));
  } catch (const std::exception& error) {
    // It lies: nothing more is believed of this worker.
    slot.kill();
    if (slot.task) {
      end_task(*std::exchange(slot.task, nullptr), std::make_exception_ptr(protocol_violation(error.what())));
    }
  }
}

/// The failure that the answer tells of, or null when the result has been read. Throws protocol_error for nonsense.
std::exception_ptr pool_core::read_answer(pool_task& task, const response& answer) {
  switch (answer.status) {
    case response_status::error:
      return decode_exception(answer.payload);
    case response_status::too_large:
      return std::make_exception_ptr(
          payload_too_large("results", static_cast<std::size_t>(answer.needed), options_.output_capacity()));
    default:
      task.read_result(answer.payload);
      return nullptr;
  }
}

void pool_core::end_task(pool_task& task, std::exception_ptr failure) noexcept {
  forget_task();
  task.failure_ = std::move(failure);
  task.state_ = pool_task::state::ended;
  task.waiter_->wake();
}

void pool_core::forget_task() noexcept {
  if (--outstanding_ == 0) ring_.work_returned();
}

void pool_core::enqueue(pool_task& task) noexcept {
  task.state_ = pool_task::state::queued;
  task.next_ = nullptr;
  task.previous_ = last_;
  (last_ ? last_->next_ : first_) = &task;
  last_ = &task;
}

void pool_core::unlink(pool_task& task) noexcept {
  (task.previous_ ? task.previous_->next_ : first_) = task.next_;
  (task.next_ ? task.next_->previous_ : last_) = task.previous_;
}

int pool_core::worker_of(const pool_task& task) const noexcept {
  for (const auto& slot : slots_) {
    if (slot->task == &task) return slot->pid;
  }
  return 0;
}

std::vector<int> pool_core::worker_pids() const {
  std::vector<int> pids;
  for (const auto& slot : slots_) {
    if (slot->pid != 0) pids.push_back(slot->pid);
  }
  return pids;
}

}  // namespace ringmill::detail
