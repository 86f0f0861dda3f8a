// A worker that belongs to a stream for a while, and calls whose end nobody awaits yet.
#include <csignal>
#include <utility>

#include <ringmill/offload/detail/pool_core.hpp>
#include <ringmill/offload/detail/worker_lease.hpp>

namespace ringmill::detail {

void pool_task::start(worker_lease& lease, bool is_first) noexcept {
  lease_ = &lease;
  goes_on_ = !is_first;
  alone_ = true;
  pool_->submit(*this);
}

void pool_task::drop() noexcept {
  if (state_ == state::queued || is_at_worker()) pool_->drop(*this);
}

worker_lease::worker_lease(pool_core& pool) noexcept : pool_(pool) { pool_.lease_begins(); }
worker_lease::~worker_lease() { pool_.lease_ends(*this, false); }
void worker_lease::give_back() noexcept { pool_.lease_ends(*this, true); }

void pool_core::lease_begins() noexcept {
  ++leases_;
  idle_.reset();
}

/// Once with `is_clean`, or never, and once without.
void pool_core::lease_ends(worker_lease& lease, bool is_clean) noexcept {
  worker_slot* slot = std::exchange(lease.slot_, nullptr);
  if (slot) {
    slot->lease = nullptr;
    // Else it is dying: a call that was in flight has been dropped.
    if (slot->now == worker_slot::state::leased) {
      lazy_clock clock(ring_);
      is_clean ? became_idle(*slot, clock) : kill(*slot, nullptr);
    }
  }
  if (!is_clean && --leases_ == 0 && outstanding_ == 0) idle_.set();
  if (slot) dispatch();
}

void pool_core::lose(worker_slot& slot, std::exception_ptr why) noexcept {
  if (!slot.lease) return;
  slot.lease->loss_ = std::move(why);
  slot.lease->slot_ = nullptr;
  slot.lease = nullptr;
}

/// A stream's first call has got a worker.
void pool_core::lease_to(worker_lease& lease, worker_slot& slot) noexcept {
  lease.slot_ = &slot;
  slot.lease = &lease;
}

/// One that goes on where the stream's last call has stopped: not by the queue. False: it has ended at once.
bool pool_core::submit_to_lease(pool_task& task) noexcept {
  worker_slot* slot = task.lease_->slot_;
  if (!slot || slot->now != worker_slot::state::leased) {
    const bool is_shut = unavailable_ != nullptr;
    std::exception_ptr why = is_shut ? unavailable_ : task.lease_->loss_;
    if (!why) why = std::make_exception_ptr(worker_crashed(slot ? slot->pid : 0, SIGKILL, process_usage(), {}));
    return refuse(task, is_shut ? unavailable_as_ : task_outcome::worker_crashed, std::move(why));
  }
  count_in();
  assign(*slot, task);
  return true;
}

/// Nobody will ask for its end. The worker that has it is killed.
void pool_core::drop(pool_task& task) noexcept {
  worker_slot* slot = task.slot_;
  if (slot) {
    slot->task_at(task.sequence_) = nullptr;
  } else {
    queue_.remove(task);
  }
  forget(task);
  task.state_ = pool_task::state::cancelled;
  count(task_outcome::cancelled);
  if (!slot || slot->now != worker_slot::state::running) return;
  kill(*slot, nullptr);
  dispatch();
}

}  // namespace ringmill::detail
