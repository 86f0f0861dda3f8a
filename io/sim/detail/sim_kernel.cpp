#include <ringmill/io/sim/detail/sim_kernel.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include <ringmill/io/sim/detail/disk.hpp>
#include <ringmill/io/sim/detail/other_threads.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill::sim::detail {

namespace {

constexpr duration cost_of_entering = std::chrono::nanoseconds(400);
constexpr duration cost_of_an_entry = std::chrono::nanoseconds(100);
constexpr duration cost_of_the_clock = std::chrono::nanoseconds(25);

}  // namespace

sim_kernel::sim_kernel(std::shared_ptr<environment> around, std::uint32_t host, std::string address,
                       const ring_options& sizes, std::shared_ptr<memory_file_system> disk)
    : around_(std::move(around)),
      host_(host),
      number_(around_->enlist(*this)),
      address_(std::move(address)),
      files_(*this, disk ? std::move(disk) : make_disk(around_, host)),
      processes_(*this),
      ipc_(*this),
      has_futex_(mix(around_->seed ^ 0x6675746578U) % 4 != 0),
      defers_(around_->random.chance(500)),
      sqes_(std::bit_ceil(std::max(sizes.entries(), 1U))),
      cqes_(std::bit_ceil(std::max(sizes.completion_entries(), 1U))),
      wake_counter_(std::make_shared<detail::event_counter>(*this)) {
  arrays_.sq_head = &sq_head_;
  arrays_.sq_tail = &sq_tail_;
  arrays_.sq_flags = &sq_flags_;
  arrays_.sq_entries = static_cast<unsigned>(sqes_.size());
  arrays_.sqes = sqes_.data();
  arrays_.cq_head = &cq_head_;
  arrays_.cq_tail = &cq_tail_;
  arrays_.cq_entries = static_cast<unsigned>(cqes_.size());
  arrays_.cqes = cqes_.data();
  descriptors_.push_back(wake_counter_);
  if (!address_.empty()) around_->net.attach(address_, *this);
}

sim_kernel::~sim_kernel() {
  power_off();
  if (!address_.empty()) around_->net.detach(address_, *this);
  around_->strike(number_);
}

time_point sim_kernel::now() noexcept {
  around_->pass(cost_of_the_clock);
  return around_->now();
}

duration sim_kernel::wall_clock() noexcept {
  around_->pass(cost_of_the_clock);
  if (around_->happens(fault::wall_clock_jump, host_)) {
    constexpr std::int64_t a_day = 86'400;
    wall_clock_is_ahead_ += std::chrono::seconds(around_->random.between(-a_day, a_day));
  }
  return around_->wall_clock() + wall_clock_is_ahead_;
}

int sim_kernel::random(void* bytes, std::size_t size) {
  auto* const to = static_cast<std::uint8_t*>(bytes);
  for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<std::uint8_t>(around_->random_of_programs() >> 56);
  return static_cast<int>(size);
}

int sim_kernel::enter(unsigned to_submit, bool wait, std::optional<duration> timeout) {
  take_wakes();
  unsigned count = std::min(to_submit, sq_tail_ - sq_head_);
  if (count > 0 && !is_dead_ && around_->happens(fault::busy_enter, host_)) return -EAGAIN;
  if (count > 1 && around_->happens(fault::partial_submit, host_)) {
    count = 1 + static_cast<unsigned>(around_->random.below(count - 1));
  }
  for (unsigned taken = 0; taken < count; ++taken) {
    const io_uring_sqe entry = sqes_[sq_head_ & (sqes_.size() - 1)];
    ++sq_head_;
    submit(entry);
  }
  around_->pass(cost_of_entering + count * cost_of_an_entry);
  if (count != to_submit) return static_cast<int>(count);  // Linux does not look at completions then
  // In a world it is the host that does not run (world_state.cpp).
  if (wait && address_.empty() && around_->happens(fault::clock_jump, host_)) around_->pass(around_->draw_jump());
  flush();
  if (!wait) return static_cast<int>(count);
  if (!has_completions() && !is_dead_ && around_->happens(fault::interrupted_enter, host_)) {
    return count > 0 ? static_cast<int>(count) : -EINTR;
  }
  const std::optional<time_point> deadline =
      timeout ? std::optional(saturating_add(around_->now(), std::max(*timeout, duration(0)))) : std::nullopt;
  while (!has_completions()) {
    const std::optional<time_point> next = around_->next_event();
    if (deadline && (!next || *next > *deadline)) {
      around_->advance_to(*deadline);
      flush();
      return count == 0 && !has_completions() ? -ETIME : static_cast<int>(count);
    }
    if (!next) {
      if (count > 0) return static_cast<int>(count);  // what was taken must be told; there will be a next time
      if (wait_for_another_thread(wakes_)) {
        take_wakes();
        continue;
      }
      throw deadlock_error("simulation: a kernel waits for a completion, and nothing is left that could happen");
    }
    around_->advance_to(*next);
    take_wakes();
    flush();
  }
  return static_cast<int>(count);
}

void sim_kernel::wake() noexcept {
  wakes_.fetch_add(1, std::memory_order_relaxed);
  is_notified_.store(true, std::memory_order_relaxed);
}

void sim_kernel::take_wakes() {
  if (const unsigned count = wakes_.exchange(0, std::memory_order_relaxed)) wake_counter_->add(count);
}

bool sim_kernel::has_completions() const noexcept { return cq_head_ != cq_tail_; }

void sim_kernel::finish(std::uint64_t user_data, std::uint64_t number, std::int32_t result, std::uint32_t flags) {
  around_->record(host_, trace::kind::complete, number, result, flags);
  answers_.push_back(answer{user_data, result, flags});
  is_notified_.store(true, std::memory_order_relaxed);
  if (defers_) {
    sq_flags_ |= IORING_SQ_TASKRUN;
  } else {
    flush();
  }
}

/// What fits. The rest is an overflow, which the kernel keeps.
void sim_kernel::flush() {
  sq_flags_ = 0;
  while (!answers_.empty() && cq_tail_ - cq_head_ < cqes_.size()) {
    io_uring_cqe& entry = cqes_[cq_tail_ & (cqes_.size() - 1)];
    entry.user_data = answers_.front().user_data;
    entry.res = answers_.front().result;
    entry.flags = answers_.front().flags;
    ++cq_tail_;
    answers_.pop_front();
    is_notified_.store(true, std::memory_order_relaxed);
  }
  if (!answers_.empty()) sq_flags_ |= IORING_SQ_CQ_OVERFLOW;
}

void sim_kernel::power_off() {
  if (std::exchange(is_dead_, true)) return;
  processes_.end_all();
  for (const auto& each : descriptors_) {
    if (each) each->reset_at_close();
  }
  for (auto& [number, op] : operations_) {
    if (op.target) op.target->reset_at_close();
    finish(op.entry().user_data, number, -ECANCELED, 0);
  }
  by_user_data_.clear();
  const auto dropped = std::exchange(operations_, {});
  const auto closed = std::exchange(descriptors_, {});
}

}  // namespace ringmill::sim::detail
