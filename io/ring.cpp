#include <ringmill/io/ring.hpp>

#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include <ringmill/io/detail/buffer_pool.hpp>
#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/detail/fork_count.hpp>
#include <ringmill/io/detail/kernel_access.hpp>
#include <ringmill/io/fd.hpp>
#include <ringmill/runtime/loop.hpp>

namespace ringmill {

namespace {

constinit thread_local ring* current_ring = nullptr;

/// Marks, in the lowest bit of user_data, the answer to a cancel: nobody waits for it, its target's own answer follows.
/// The other bits are its target's address and the cancel's number: at that address there may be another by now.
constexpr std::uint64_t cancel_answer = 1;

unsigned load(const unsigned* index) noexcept {
  return std::atomic_ref<const unsigned>(*index).load(std::memory_order_acquire);
}
void store(unsigned* index, unsigned value) noexcept {
  std::atomic_ref<unsigned>(*index).store(value, std::memory_order_release);
}

/// What blocked a worker thread of the kernel and was interrupted by its cancel. Some operations let the kernel's own
/// codes for "begin again" through, which mean EINTR to a program: ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND and
/// ERESTART_RESTARTBLOCK.
constexpr bool is_interrupted(std::int32_t result) noexcept {
  return result == -EINTR || (result <= -512 && result >= -514) || result == -516;
}

/// What was interrupted has that long to notice it, before it is asked for again.
constexpr duration time_to_end = std::chrono::milliseconds(10);

}  // namespace

/// Reads what `wake` writes, in the background; its completion is all that is needed.
class ring::wake_watch final : public io_op {
 public:
  explicit wake_watch(int descriptor) noexcept : descriptor_(descriptor) {}
  using io_op::start_in_background;

 private:
  void prepare(io_uring_sqe& entry) noexcept override {
    entry.opcode = IORING_OP_READ;
    entry.fd = descriptor_;
    entry.addr = reinterpret_cast<std::uintptr_t>(&count_);
    entry.len = sizeof count_;
  }
  void completed(std::int32_t result, std::uint32_t, bool) noexcept override {
    if (result > 0) resubmit();
  }

  int descriptor_;
  std::uint64_t count_ = 0;
};

/// Fires when what is paused shall be tried again.
class ring::retry_timer final : public timer {
 public:
  explicit retry_timer(ring& owner) noexcept : timer(&fire), owner_(owner) {}

 private:
  static void fire(timer& self) noexcept { static_cast<retry_timer&>(self).owner_.retry_paused(); }
  ring& owner_;
};

// What is needed later is made here: there, a lack of memory could not be told to anyone.
ring::ring(std::unique_ptr<kernel> behind)
    : kernel_(std::move(behind)),
      arrays_(kernel_->arrays()),
      retry_timer_(std::make_unique<retry_timer>(*this)),
      wake_watch_(std::make_unique<wake_watch>(kernel_->wake_descriptor())),
      fork_count_(detail::fork_count()),
      accesses_(std::make_unique<detail::kernel_access>()) {
  tail_ = submitted_ = load(arrays_.sq_tail);
}

ring::~ring() {
  cancel_and_wait(*wake_watch_);
  RINGMILL_CHECK(in_flight_ == 0,
                 "a ring was destroyed with operations in flight: end the handles that watch in the "
                 "background (pools, signals) before the loop");
}

ring& ring::current() {
  if (!current_ring) {
    throw std::logic_error("no ring on this thread: I/O needs a loop that was started by rm::run() or rm::run_main()");
  }
  return *current_ring;
}

detail::buffer_pool& ring::buffers() {
  if (!buffers_) buffers_ = std::make_unique<detail::buffer_pool>(*kernel_, 256, 4096);
  return *buffers_;
}

void ring::use_buffers(unsigned count, unsigned size) {
  if (buffers_) throw std::logic_error("ring::use_buffers() after a read with a lease");
  buffers_ = std::make_unique<detail::buffer_pool>(*kernel_, count, size);
}

kernel* ring::current_backend() noexcept { return current_ring ? current_ring->kernel_.get() : nullptr; }

void ring::start(io_op& op) {
  RINGMILL_CHECK(!op.is_in_flight(), "an operation was started twice");
  if (op.handle_) op.handle_->begin(detail::this_thread.loop_id);
  ++in_flight_;
  if (op.background_) ++background_;
  op.state_ = io_op::state::queued;
  start_when_possible(op);
}

void ring::start_when_possible(io_op& op) noexcept {
  check_process();
  // Nothing overtakes what waits already.
  if (queued_.empty() && has_free_entry()) {
    fill_entry(op);
  } else {
    ++statistics_.waited;
    queued_.append(op);
  }
}

void ring::pause(io_op& op) {
  constexpr duration first_delay = std::chrono::milliseconds(10);
  constexpr int most_doublings = 3;
  if (op.handle_) op.handle_->begin(detail::this_thread.loop_id);
  ++in_flight_;
  if (op.background_) ++background_;
  op.state_ = io_op::state::paused;
  paused_.append(op);
  loop& here = loop::current();
  if (!retry_timer_->is_armed()) {
    here.arm(*retry_timer_, here.now() + first_delay * (1 << op.vain_tries_));
  }
  if (op.vain_tries_ < most_doublings) ++op.vain_tries_;
}

void ring::retry_paused() noexcept {
  loop::current().disarm(*retry_timer_);
  while (io_op* const op = paused_.first()) {
    paused_.remove(*op);
    op->state_ = io_op::state::queued;
    start_when_possible(*op);
  }
}

/// A timer that is left armed would keep the loop waiting, and must not outlive it.
void ring::disarm_if_none_paused() noexcept {
  if (paused_.empty() && retry_timer_->is_armed()) loop::current().disarm(*retry_timer_);
}

cancel_result ring::cancel(io_op& op) noexcept {
  op.cancel_asked_ = true;
  switch (op.state_) {
    case io_op::state::queued:
      queued_.remove(op);
      finished(op);
      return cancel_result::done();
    case io_op::state::paused:
      paused_.remove(op);
      finished(op);
      disarm_if_none_paused();
      return cancel_result::done();
    case io_op::state::submitted:
      ask_to_cancel(op);
      return cancel_result::pending();
    default:
      return cancel_result::pending();
  }
}

/// Of one that the kernel has.
void ring::ask_to_cancel(io_op& op) noexcept {
  if (op.handle_) op.handle_->submitted_.remove(op);
  if (!op.stopping()) {
    op.state_ = io_op::state::cancel_sent;  // there is nothing to be asked: its end comes as if there had been
    op.cancel_number_ = ++cancels_;         // another's, or its own of an earlier time, would find it by its answer
    return cancel_sent_.append(op);
  }
  op.state_ = io_op::state::cancel_queued;
  start_when_possible(op);
}

/// The user_data of the cancel that was sent last.
std::uint64_t ring::answer_to_cancel(const io_op& op) noexcept {
  constexpr int bits_of_address = 48;
  const std::uint64_t address = reinterpret_cast<std::uintptr_t>(&op) & ((std::uint64_t{1} << bits_of_address) - 1);
  return std::uint64_t{op.cancel_number_} << bits_of_address | address | cancel_answer;
}

/// What a cancel was to end, or null: most often that has ended, and is not here any more.
io_op* ring::asked_by(std::uint64_t answer) noexcept {
  // The answers come in about the order of the questions: it is one of the first.
  for (io_op* op = cancel_sent_.first(); op; op = op->next_) {
    if (answer_to_cancel(*op) == answer) return op;
  }
  return nullptr;
}

/// The kernel has not found it, though it has not ended: what the kernel is about to try again, such as a connect to a
/// full Unix listener, is in none of the places where it looks. That would wait on, for ever.
void ring::ask_again_to_cancel(io_op& op) noexcept {
  if (!op.stopping()) return;
  cancel_sent_.remove(op);
  op.state_ = io_op::state::cancel_queued;
  start_when_possible(op);
}

/// The kernel has interrupted the thread that works on it, and its end should follow. Linux 6.1 loses that interruption
/// at times (of 1,000 splices, 2 to 8), and the thread would wait on, for ever.
void ring::was_interrupted(io_op& op) noexcept {
  op.state_ = io_op::state::interrupted;
  if (ask_again_at_ == time_point::max()) ask_again_at_ = now() + time_to_end;
}

/// For those that have had their time. Who is only slow, in a file system, is asked in vain.
void ring::interrupt_again() noexcept {
  if (ask_again_at_ == time_point::max() || now() < ask_again_at_) return;
  ask_again_at_ = time_point::max();
  for (io_op* op = cancel_sent_.first(); op;) {
    io_op& here = *std::exchange(op, op->next_);
    if (here.state_ != io_op::state::interrupted) continue;
    cancel_sent_.remove(here);
    here.state_ = io_op::state::cancel_queued;
    start_when_possible(here);
  }
}

void ring::cancel_and_wait(io_op& op) noexcept {
  if (!op.is_in_flight()) return;
  if (cancel(op).is_done()) return;
  while (op.is_in_flight()) collect_some(std::nullopt);
}

void ring::end_all_on(fd& handle) noexcept {
  drop_waiting_on(handle, queued_);
  drop_waiting_on(handle, paused_);
  disarm_if_none_paused();
  // One by one, which takes the kernel a look into a table for each. By descriptor it would search all that is in
  // flight on the ring, and find what is in flight on duplicates of the descriptor too. None of them is started again,
  // and no new one while the handle is closing.
  while (io_op* const op = handle.submitted_.first()) ask_to_cancel(*op);
  while (handle.in_flight_ > 0) collect_some(std::nullopt);
}

/// Ends what the kernel has not seen.
void ring::drop_waiting_on(const fd& handle, detail::op_list& list) noexcept {
  for (io_op* op = list.first(); op;) {
    io_op& here = *std::exchange(op, op->next_);
    if (here.handle_ != &handle || here.state_ == io_op::state::cancel_queued) continue;
    list.remove(here);
    finished(here);
    here.completed(-ECANCELED, 0, false);
  }
}

/// A forked child does not have the arrays: it would die without a word.
void ring::check_process() const noexcept {
  RINGMILL_CHECK(fork_count_ == detail::fork_count(),
                 "a ring was used after a fork, by the child: make a loop of its own there, or start another program "
                 "(rm::process::spawn)");
}

std::uint64_t ring::random() {
  std::uint64_t number = 0;
  detail::or_throw(kernel_->random(&number, sizeof number), "getrandom");
  return number;
}

void ring::poll() {
  check_process();
  if (is_polled_) kernel_->clear_poll_descriptor();
  interrupt_again();
  submit_list();
  const unsigned flags = load(arrays_.sq_flags);
  if (tail_ != submitted_ || (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0) enter(false, std::nullopt);
  collect();
  // What did not fit is not told again: the kernel has told when it came.
  while (is_polled_ && (load(arrays_.sq_flags) & IORING_SQ_CQ_OVERFLOW) != 0) {
    enter(false, std::nullopt);
    collect();
  }
}

int ring::poll_fd() {
  listen_for_wakes();
  const int descriptor = kernel_->poll_descriptor();
  is_polled_ = true;
  return descriptor;
}

void ring::listen_for_wakes() {
  if (!wake_watch_->is_in_flight()) wake_watch_->start_in_background(*this);
}

void ring::wait(std::optional<time_point> deadline) {
  check_process();
  if (is_polled_) kernel_->clear_poll_descriptor();
  listen_for_wakes();
  collect_some(deadline);
}

/// Submits all that there is, and blocks for a completion if none has come.
void ring::collect_some(std::optional<time_point> deadline) {
  interrupt_again();
  submit_list();
  if (has_completions() || !queued_.empty()) {
    enter(false, std::nullopt);
  } else {
    std::optional<duration> timeout;
    const time_point first = std::min(deadline.value_or(time_point::max()), ask_again_at_);
    if (first != time_point::max()) timeout = first - now();
    enter(true, timeout);
  }
  collect();
}

bool ring::has_free_entry() const noexcept { return tail_ - load(arrays_.sq_head) < arrays_.sq_entries; }

/// Writes what `op` asks for, the operation itself or its cancel, into the next free entry.
void ring::fill_entry(io_op& op) noexcept {
  io_uring_sqe* const entry = &arrays_.sqes[tail_++ & (arrays_.sq_entries - 1)];
  std::memset(entry, 0, sizeof *entry);
  const auto address = reinterpret_cast<std::uintptr_t>(&op);
  if (op.state_ == io_op::state::queued) {
    op.prepare(*entry);
    accesses_->begin(op, *entry);
    entry->user_data = address;
    op.state_ = io_op::state::submitted;
    if (op.handle_) op.handle_->submitted_.add(op);
  } else {
    entry->opcode = IORING_OP_ASYNC_CANCEL;
    entry->fd = -1;
    entry->addr = address;
    op.cancel_number_ = ++cancels_;
    entry->user_data = answer_to_cancel(op);
    op.state_ = io_op::state::cancel_sent;
    cancel_sent_.append(op);
  }
}

void ring::fill_from_list() noexcept {
  while (!queued_.empty() && has_free_entry()) {
    io_op& op = *queued_.first();
    queued_.remove(op);  // first: its links may take it into another list
    fill_entry(op);
  }
}

/// All that waits for an entry, and not only what fits: a host's loop does not come back before something happens.
void ring::submit_list() {
  fill_from_list();
  while (!queued_.empty()) {
    const unsigned before = submitted_;
    enter(false, std::nullopt);
    if (submitted_ == before) return;  // the kernel is busy: completions have to be collected first
    fill_from_list();
  }
}

void ring::enter(bool wait, std::optional<duration> timeout) {
  ++statistics_.enters;
  accesses_->check_some();
  store(arrays_.sq_tail, tail_);
  const int result = kernel_->enter(tail_ - submitted_, wait, timeout);
  if (result >= 0) {
    submitted_ += static_cast<unsigned>(result);
    statistics_.submitted += static_cast<unsigned>(result);
    return;
  }
  // ETIME: the deadline. EINTR: a signal. EBUSY and EAGAIN: collect completions first, then the next turn submits.
  if (result == -ETIME || result == -EINTR || result == -EBUSY || result == -EAGAIN) {
    submitted_ = load(arrays_.sq_head);
    return;
  }
  throw std::system_error(-result, std::generic_category(), "io_uring_enter");
}

bool ring::has_completions() const noexcept { return *arrays_.cq_head != load(arrays_.cq_tail); }

void ring::collect() noexcept {
  unsigned head = *arrays_.cq_head;
  const unsigned tail = load(arrays_.cq_tail);
  while (head != tail) {
    const io_uring_cqe& entry = arrays_.cqes[head & (arrays_.cq_entries - 1)];
    const std::uint64_t tag = entry.user_data;
    std::int32_t result = is_interrupted(entry.res) ? -EINTR : entry.res;
    const std::uint32_t flags = entry.flags;
    // Given back before anyone is told: an owner may come back in here, to cancel and wait for another operation.
    store(arrays_.cq_head, ++head);
    ++statistics_.completions;
    if (tag & cancel_answer) {
      if (result != -ENOENT && result != -EALREADY) continue;
      io_op* const target = asked_by(tag);
      if (target && result == -ENOENT) ask_again_to_cancel(*target);
      if (target && result == -EALREADY) was_interrupted(*target);
      continue;
    }
    auto& op = *reinterpret_cast<io_op*>(static_cast<std::uintptr_t>(tag));
    const bool more = (flags & IORING_CQE_F_MORE) != 0;
    if (!more) {
      accesses_->end(op);
      if (op.state_ == io_op::state::cancel_queued) queued_.remove(op);
      if (op.state_ == io_op::state::cancel_sent || op.state_ == io_op::state::interrupted) cancel_sent_.remove(op);
      if (cancel_sent_.empty()) ask_again_at_ = time_point::max();
      if (op.state_ == io_op::state::submitted && op.handle_) op.handle_->submitted_.remove(op);
      finished(op);
    }
    if (result == -EINTR && op.handle_ && op.handle_->closing_) result = -ECANCELED;
    op.completed(result, flags, more);
    head = *arrays_.cq_head;
    if (static_cast<int>(tail - head) < 0) break;
  }
}

void ring::finished(io_op& op) noexcept {
  op.state_ = io_op::state::idle;
  if (op.handle_) op.handle_->end();
  --in_flight_;
  if (op.background_) --background_;
}

ring_scope::ring_scope(ring& now) : before_(current_ring) { current_ring = &now; }
ring_scope::~ring_scope() { current_ring = before_; }

}  // namespace ringmill
