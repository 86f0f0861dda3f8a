// The zygote and the workers: started, replaced, given up.
//
// A worker that dies while it starts, and a zygote that dies, count: ten in ten seconds, and the pool gives up. A task
// that kills its worker costs itself, however often it happens. A shortage (of descriptors, memory, processes) counts
// as nothing: it is tried again, at longer and longer intervals up to a second, and tasks wait as long as they may.
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/offload/detail/pool_core.hpp>
#include <ringmill/offload/process_init.hpp>
#include <ringmill/offload/program_fingerprint.hpp>

namespace ringmill::detail {

/// Watches the zygote's socket.
class pool_core::control_watch final : public poll_op {
 public:
  control_watch(pool_core& pool, int socket) : poll_op(socket, POLLIN), pool_(pool) { start_in_background(); }
  ~control_watch() override {
    if (is_in_flight()) owner().cancel_and_wait(*this);
  }
  void arm_again() noexcept { resubmit(); }

 private:
  // The pool arms it again, or destroys it.
  void completed(std::int32_t result, std::uint32_t, bool) noexcept override {
    if (result == -ECANCELED) return;
    if (pool_.is_deaf()) return arm_again();
    pool_.zygote_spoke();
  }
  pool_core& pool_;
};

/// Once the members are there this is a pool, and what fails after that ends as one: by its destructor.
pool_core::pool_core(const pool_options& options) : pool_core(options, loop::current()) {
  require_process_init();
  options_.spin(options_.spin());  // by the processors of now: a worker that is started later does as the first ones
  if (options_.buffer_capacity() != 0) buffers_ = buffers_owner(new shared_buffers(options_.buffer_capacity(), ring_));
  start_zygote();
  start_first_workers();
}

pool_core::pool_core(const pool_options& options, loop& on)
    : options_(options),
      loop_(on),
      ring_(ring::current()),
      has_futex_(ring_.backend().supports(futex_wait_op::opcode)),
      quarantine_(options.quarantine()),
      breaker_(options.breaker_deaths(), options.breaker_window(), options.breaker_pause()),
      turn_end_(std::make_unique<turn_end>(*this)),
      look_again_(*this, &pool_core::dispatch),
      pause_(duration::zero()),
      start_again_(*this, &pool_core::refill) {
  idle_.set();
}

void pool_core::start_first_workers() {
  const std::size_t count = options_.workers() + options_.warm_spares();
  for (std::uint32_t i = 0; i < count; ++i) slots_.push_back(std::make_unique<worker_slot>(*this, i));
  for (auto& slot : slots_) {
    try {
      start_worker(*slot);
    } catch (const std::system_error& error) {
      slot->clear();
      const int code = error.code().value();
      if (code != EPIPE && code != ECONNRESET && code != EAGAIN) throw;
      refill_later();  // the zygote is gone already, which the watch of it will tell, or is asked too much at once
    }
  }
}

pool_core::~pool_core() {
  RINGMILL_CHECK(deaf_ == 0, "a process_pool was destroyed by a function that it called: a reader, or an on_stderr");
  RINGMILL_CHECK(outstanding_ == 0, "a process_pool was destroyed while its tasks are awaited");
  RINGMILL_CHECK(!buffers_ || buffers_->waiters().empty(),
                 "a process_pool was destroyed while tasks wait for its buffers");
  RINGMILL_CHECK(leases_ == 0, "a process_pool was destroyed while a stream of it is read");
  ++deaf_;
  loop_.disarm(look_again_);
  loop_.disarm(start_again_);
  turn_end_->pool = nullptr;
  if (turn_end_->is_woken()) {
    // The loop will come to it, or has ended. Either way it goes with the thread, or when the next pool does.
    thread_local std::vector<std::unique_ptr<turn_end>> left_behind;
    std::erase_if(left_behind, [](const auto& one) { return !one->is_woken(); });
    left_behind.push_back(std::move(turn_end_));
  }
  control_.reset();
  late_readers_.clear();
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
  slot.errors = std::make_unique<stderr_pipe>(options_.on_stderr());
  if (!has_futex_) {
    slot.doorbell = fd(or_throw(ipc().make_event(), "eventfd for a worker"));
  }
  zygote_message wanted;
  wanted.slot = slot.index;
  wanted.generation = slot.generation;
  wanted.status = options_.niceness();
  wanted.spin_ns = options_.spin().count();
  wanted.initializer = options_.initializer_id();
  options_.name().copy(wanted.name.data(), wanted.name.size() - 1);
  std::array<int, most_descriptors> descriptors = {slot.channel->request_memory(), slot.channel->response_memory(),
                                                   slot.errors->write_end()};
  std::size_t count = 3;
  if (slot.doorbell) descriptors[count++] = slot.doorbell.number();
  if (buffers_) descriptors[count++] = buffers_->descriptor();
  wanted.has_doorbell = slot.doorbell ? 1 : 0;
  wanted.has_buffers = buffers_ ? 1 : 0;
  if (!zygote_.spawn(wanted, std::span<const int>(descriptors.data(), count))) {
    throw std::system_error(errno, std::generic_category(), "asking the zygote for a worker");
  }
  slot.channel->forget_descriptors();
  slot.errors->forget_write_end();
  slot.now = worker_slot::state::starting;
  slot.expect_soon(options_.start_timeout());
  slot.born = ring_.now();
  slot.memory_seen = slot.born;
  // A few steps of the golden ratio, modulo one: spread evenly, and the same in every run.
  jitter_ += 0x9e3779b97f4a7c15U;
  slot.jitter = 1 - static_cast<double>(jitter_ >> 11) * 0x1p-53 / 10;
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
    if (message.fingerprint != program_fingerprint()) {
      give_up(task_outcome::version_mismatch,
              std::make_exception_ptr(version_mismatch(
                  "process_pool: the program or a library of it was replaced on disk since it was started: its workers "
                  "would not understand this process. Start it again")));
    }
    return;
  }
  if (message.slot >= slots_.size()) return;
  worker_slot& slot = *slots_[message.slot];
  if (message.generation != slot.generation || slot.now == worker_slot::state::empty) return;
  switch (message.kind) {
    case message_kind::spawned:
      slot.pid = message.pid;
      slot.errors->belongs_to(message.pid);
      slot.pidfd = std::move(received.descriptors[0]);
      if (slot.now == worker_slot::state::dying) {
        slot.kill();  // wished for before its number was known
      } else if (slot.is_ready) {
        slot.now = worker_slot::state::idle;  // it was faster than the news of it
        slot.is_here();
        dispatch();
      }
      break;
    case message_kind::spawn_failed:
      bury(slot, message);
      refill_later();
      break;
    case message_kind::exited:
      worker_ended(slot, message);
      break;
    default:
      break;
  }
}

void pool_core::worker_ended(worker_slot& slot, const zygote_message& death) noexcept {
  const bool failed_start = slot.now == worker_slot::state::starting;
  bury(slot, death);
  if (!failed_start) {
    refill();
  } else if (start_failed_too_often()) {
    give_up(task_outcome::pool_unavailable,
            std::make_exception_ptr(
                pool_unavailable("process_pool: its workers die while they start; see what they print")));
  } else {
    refill_later();
  }
  dispatch();
}

void pool_core::zygote_died() noexcept {
  control_.reset();
  for (auto& slot : slots_) {
    if (slot->now != worker_slot::state::empty) bury_with_zygote(*slot);
  }
  zygote_.end();
  if (start_failed_too_often()) {
    return give_up(
        task_outcome::pool_unavailable,
        std::make_exception_ptr(pool_unavailable("process_pool: its zygote dies again and again; see what it prints")));
  }
  refill();
}

void pool_core::lost_patience(worker_slot& slot) noexcept {
  if (slot.now == worker_slot::state::running) {
    take_answers(slot, readers::get_copies);
    if (slot.now == worker_slot::state::running && !slot.head()) kill(slot, nullptr);
    return dispatch();
  }
  if (slot.now == worker_slot::state::starting && slot.pid != 0 && !std::exchange(slot.start_was_cut, true)) {
    // Its initializer hangs, or it was stopped. It counts as one that died while it started.
    slot.expect_soon(options_.start_timeout());
    slot.signal(SIGKILL);
  } else {
    zygote_.kill();  // it is the zygote that does nothing; when it is gone, a new one does it all again
  }
}

/// Fills what is empty; if that is not possible now, later.
void pool_core::refill() noexcept {
  if (given_up_) return;
  try {
    if (!zygote_) start_zygote();
    for (auto& slot : slots_) {
      if (slot->now != worker_slot::state::empty) continue;
      try {
        start_worker(*slot);
      } catch (...) {
        slot->clear();
        throw;
      }
    }
  } catch (const std::exception&) {
    refill_later();
  }
}

void pool_core::refill_later() noexcept {
  constexpr duration shortest = std::chrono::milliseconds(10);
  constexpr duration longest = std::chrono::seconds(1);
  if (given_up_ || start_again_.is_armed()) return;
  pause_ = std::clamp(pause_ * 2, shortest, longest);
  loop_.arm(start_again_, saturating_add(ring_.now(), pause_));
}

/// Ten in ten seconds: something is wrong that one more attempt does not mend.
bool pool_core::start_failed_too_often() noexcept {
  constexpr std::size_t most = 10;
  const time_point now = ring_.now();
  std::erase_if(failed_starts_, [&](time_point when) { return now - when > std::chrono::seconds(10); });
  failed_starts_.push_back(now);
  return failed_starts_.size() >= most;
}

/// For good: nothing more is started, and what waits ends.
void pool_core::give_up(task_outcome how, std::exception_ptr why) noexcept {
  unavailable_ = std::move(why);
  unavailable_as_ = how;
  given_up_ = true;
  while (pool_task* task = queue_.first()) {
    queue_.remove(*task);
    finish(*task, how, unavailable_);
  }
}

}  // namespace ringmill::detail
