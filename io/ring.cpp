#include <ringmill/io/ring.hpp>

#include <liburing.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace ringmill {

namespace {

constinit thread_local ring* current_ring = nullptr;

/// Marks, in the lowest bit of user_data, the answer to a cancel: nobody waits for it, its target's own answer follows.
constexpr std::uint64_t cancel_answer = 1;

unsigned load(const unsigned* index) noexcept {
  return std::atomic_ref<const unsigned>(*index).load(std::memory_order_acquire);
}
void store(unsigned* index, unsigned value) noexcept {
  std::atomic_ref<unsigned>(*index).store(value, std::memory_order_release);
}

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

ring::ring(std::unique_ptr<kernel> behind) : kernel_(std::move(behind)), arrays_(kernel_->arrays()) {
  tail_ = submitted_ = load(arrays_.sq_tail);
}

ring::~ring() {
  if (wake_watch_) cancel_and_wait(*wake_watch_);
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

kernel* ring::current_backend() noexcept { return current_ring ? current_ring->kernel_.get() : nullptr; }

void ring::start(io_op& op) {
  RINGMILL_CHECK(!op.is_in_flight(), "an operation was started twice");
  op.ring_ = this;
  op.cancel_asked_ = false;
  ++in_flight_;
  if (op.background_) ++background_;
  // Nothing overtakes what waits already.
  op.state_ = io_op::state::queued;
  if (first_ || !fill_entry(op)) enqueue(op);
}

cancel_result ring::cancel(io_op& op) noexcept {
  op.cancel_asked_ = true;
  switch (op.state_) {
    case io_op::state::queued:
      remove(op);
      finished(op);
      return cancel_result::done();
    case io_op::state::submitted:
      op.state_ = io_op::state::cancel_queued;
      if (first_ || !fill_entry(op)) enqueue(op);
      return cancel_result::pending();
    default:
      return cancel_result::pending();
  }
}

void ring::cancel_and_wait(io_op& op) noexcept {
  if (!op.is_in_flight()) return;
  if (cancel(op).is_done()) return;
  while (op.is_in_flight()) {
    fill_from_list();
    enter(!has_completions(), std::nullopt);
    collect();
  }
}

void ring::poll() {
  fill_from_list();
  const unsigned flags = load(arrays_.sq_flags);
  if (tail_ != submitted_ || (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0) enter(false, std::nullopt);
  collect();
}

int ring::poll_fd() {
  listen_for_wakes();
  return kernel_->poll_descriptor();
}

void ring::listen_for_wakes() {
  if (wake_watch_) return;
  wake_watch_ = std::make_unique<wake_watch>(kernel_->wake_descriptor());
  wake_watch_->start_in_background(*this);
}

void ring::wait(std::optional<time_point> deadline) {
  listen_for_wakes();
  fill_from_list();
  if (has_completions() || first_) {
    enter(false, std::nullopt);
  } else {
    std::optional<duration> timeout;
    if (deadline) timeout = *deadline - now();
    enter(true, timeout);
  }
  collect();
}

/// The next free entry, zeroed, or null while the array is full.
io_uring_sqe* ring::next_entry() noexcept {
  if (tail_ - load(arrays_.sq_head) >= arrays_.sq_entries) return nullptr;
  io_uring_sqe* entry = &arrays_.sqes[tail_ & (arrays_.sq_entries - 1)];
  std::memset(entry, 0, sizeof *entry);
  return entry;
}

/// Writes what `op` asks for, the operation itself or its cancel, into an entry. False: none is free.
bool ring::fill_entry(io_op& op) noexcept {
  io_uring_sqe* entry = next_entry();
  if (!entry) return false;
  const auto address = reinterpret_cast<std::uintptr_t>(&op);
  if (op.state_ == io_op::state::queued) {
    op.prepare(*entry);
    entry->user_data = address;
    op.state_ = io_op::state::submitted;
  } else {
    entry->opcode = IORING_OP_ASYNC_CANCEL;
    entry->fd = -1;
    entry->addr = address;
    entry->user_data = address | cancel_answer;
    op.state_ = io_op::state::cancel_sent;
  }
  ++tail_;
  return true;
}

void ring::enqueue(io_op& op) noexcept {
  ++statistics_.waited;
  op.next_ = nullptr;
  op.previous_ = last_;
  (last_ ? last_->next_ : first_) = &op;
  last_ = &op;
}

void ring::remove(io_op& op) noexcept {
  (op.previous_ ? op.previous_->next_ : first_) = op.next_;
  (op.next_ ? op.next_->previous_ : last_) = op.previous_;
}

void ring::fill_from_list() noexcept {
  while (first_) {
    io_op& op = *first_;
    if (!fill_entry(op)) return;
    remove(op);
  }
}

void ring::enter(bool wait, std::optional<duration> timeout) {
  ++statistics_.enters;
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
    const std::int32_t result = entry.res;
    const std::uint32_t flags = entry.flags;
    // Given back before anyone is told: an owner may come back in here, to cancel and wait for another operation.
    store(arrays_.cq_head, ++head);
    ++statistics_.completions;
    if (tag & cancel_answer) continue;
    auto& op = *reinterpret_cast<io_op*>(static_cast<std::uintptr_t>(tag));
    const bool more = (flags & IORING_CQE_F_MORE) != 0;
    if (!more) {
      if (op.state_ == io_op::state::cancel_queued) remove(op);
      finished(op);
    }
    op.completed(result, flags, more);
    head = *arrays_.cq_head;
    if (static_cast<int>(tail - head) < 0) break;
  }
}

void ring::finished(io_op& op) noexcept {
  op.state_ = io_op::state::idle;
  --in_flight_;
  if (op.background_) --background_;
}

ring_scope::ring_scope(ring& now) : before_(current_ring) { current_ring = &now; }
ring_scope::~ring_scope() { current_ring = before_; }

}  // namespace ringmill
