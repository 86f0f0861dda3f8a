#include <ringmill/offload/detail/worker_slot.hpp>

#include <poll.h>
#include <signal.h>

#include <cerrno>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/offload/detail/pool_core.hpp>
#include <ringmill/runtime/loop.hpp>

namespace ringmill::detail {

/// Armed with the number of answers that the host has taken: if the worker has written more by the time it is armed, it
/// completes at once. So no wake is lost.
class worker_slot::futex_watch final : public futex_wait_op {
 public:
  explicit futex_watch(worker_slot& slot)
      : futex_wait_op(slot.channel->futex_word(), slot.channel->expected()), slot_(slot) {
    start_in_background();
  }
  ~futex_watch() override {
    if (is_in_flight()) owner().cancel_and_wait(*this);
  }

  void arm() {
    expect(slot_.channel->expected());
    start_in_background();
  }

 private:
  void completed(std::int32_t result, std::uint32_t, bool) noexcept override {
    if (result == -ECANCELED) return;
    if (slot_.pool_.is_deaf()) {
      resubmit();
    } else {
      slot_.woke_up();
    }
  }
  worker_slot& slot_;
};

class worker_slot::doorbell_watch final : public poll_op {
 public:
  explicit doorbell_watch(worker_slot& slot) : poll_op(slot.doorbell.number(), POLLIN), slot_(slot) {
    start_in_background();
  }
  ~doorbell_watch() override {
    if (is_in_flight()) owner().cancel_and_wait(*this);
  }

  void arm() { start_in_background(); }

 private:
  void completed(std::int32_t result, std::uint32_t, bool) noexcept override {
    if (result == -ECANCELED) return;
    if (slot_.pool_.is_deaf()) return static_cast<void>(resubmit());
    std::uint64_t rings = 0;
    ipc().read_at_once(slot_.doorbell.number(), &rings, sizeof rings);
    slot_.woke_up();
  }
  worker_slot& slot_;
};

worker_slot::worker_slot(pool_core& pool, std::uint32_t place) : index(place), pool_(pool) {}
worker_slot::~worker_slot() {
  unwatch();
  loop::current().disarm(alarm_);
}

worker_slot::alarm::alarm(worker_slot& owner) noexcept
    : timer([](timer& base) noexcept {
        worker_slot& late = static_cast<alarm&>(base).slot;
        late.pool_.lost_patience(late);
      }),
      slot(owner) {}

void worker_slot::expect_soon(duration patience) noexcept {
  loop& here = loop::current();
  here.disarm(alarm_);
  here.arm(alarm_, saturating_add(here.now(), patience));
}

void worker_slot::is_here() noexcept { loop::current().disarm(alarm_); }

void worker_slot::watch() {
  errors->watch();
  if (doorbell) {
    bell_ = std::make_unique<doorbell_watch>(*this);
  } else {
    futex_ = std::make_unique<futex_watch>(*this);
  }
}

void worker_slot::woke_up() noexcept {
  is_awake = true;
  pool_.worker_spoke(*this);
}

bool worker_slot::listen() {
  channel->announce_sleep();
  if (channel->has_answer()) return false;
  is_awake = false;
  doorbell ? bell_->arm() : futex_->arm();
  return true;
}

void worker_slot::unwatch() noexcept {
  is_awake = false;
  futex_.reset();
  bell_.reset();
}

void worker_slot::kill() noexcept {
  constexpr duration patience = std::chrono::seconds(5);  // one with a lot of memory takes a while to die
  now = state::dying;
  expect_soon(patience);
  signal(SIGKILL);
}

void worker_slot::signal(int number) const noexcept {
  if (pidfd) processes().send_signal(pidfd.number(), number);
}

void worker_slot::clear() noexcept {
  is_here();
  now = state::empty;
  pid = 0;
  is_ready = false;
  start_was_cut = false;
  pidfd.reset();
  channel.reset();
  errors.reset();
  doorbell.reset();
  reading.clear();
  backlog = duration::zero();
  answered = 0;
  first = 1;
  has_staged = false;
  tasks_.fill(nullptr);
}

}  // namespace ringmill::detail
