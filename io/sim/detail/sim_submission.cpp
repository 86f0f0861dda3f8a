// How the simulated kernel takes operations, tries them, and cancels them.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <ringmill/io/detail/opcodes.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

namespace {

constexpr int pattern = 0xa5;
constexpr unsigned known_flags = 2 * IOSQE_CQE_SKIP_SUCCESS - 1;  // up to the last one that there is

bool is_on_descriptor(unsigned opcode) noexcept {
  return opcode != IORING_OP_NOP && opcode != IORING_OP_ASYNC_CANCEL && !sim_files::is_on_path(opcode);
}

/// Those of one direction are tried in the order in which they came.
unsigned direction_of(unsigned opcode) noexcept {
  switch (opcode) {
    case IORING_OP_WRITE:
    case IORING_OP_WRITEV:
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
    case IORING_OP_SPLICE:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

bool sim_kernel::supports(unsigned opcode) const noexcept {
  if (sim_files::is_on_path(opcode) || sim_files::is_on_file(opcode)) return true;
  if (opcode == ringmill::detail::opcode_futex_wait) return has_futex_;
  switch (opcode) {
    case IORING_OP_NOP:
    case IORING_OP_READV:
    case IORING_OP_WRITEV:
    case IORING_OP_POLL_ADD:
    case IORING_OP_SENDMSG:
    case IORING_OP_RECVMSG:
    case IORING_OP_ACCEPT:
    case IORING_OP_CONNECT:
    case IORING_OP_ASYNC_CANCEL:
    case IORING_OP_CLOSE:
    case IORING_OP_READ:
    case IORING_OP_WRITE:
    case IORING_OP_SEND:
    case IORING_OP_RECV:
    case IORING_OP_SPLICE:
      return true;
    default:
      return false;
  }
}

void sim_kernel::submit(const io_uring_sqe& entry) {
  const std::uint64_t number = ++last_number_;
  if (entry.opcode == IORING_OP_ASYNC_CANCEL) return submit_cancel(entry, number);
  around_->record(host_, trace::kind::submit, number, entry.opcode,
                  entry.fd >= first_descriptor ? entry.fd - first_descriptor : entry.fd, entry.len);
  if (is_dead_) return finish(entry.user_data, number, -ECANCELED, 0);
  if (!supports(entry.opcode) || (entry.flags & ~known_flags) != 0) return finish(entry.user_data, number, -EINVAL, 0);
  operation& op = operations_.try_emplace(number, entry).first->second;
  if (const int result = find_objects(op); result < 0) {
    operations_.erase(number);
    return finish(entry.user_data, number, result, 0);
  }
  by_user_data_.emplace(entry.user_data, number);
  scribble(op);
  time_point when = around_->now() + draw_delay();
  if (entry.opcode == IORING_OP_FSYNC) when += draw_sync_delay();
  if (op.target && op.target->keeps_order()) {
    time_point& last = op.target->last_first_try[direction_of(entry.opcode)];
    last = when = std::max(when, last);
  }
  around_->try_at(when, number_, number);
}

int sim_kernel::find_objects(operation& op) {
  if (op.entry().opcode == ringmill::detail::opcode_futex_wait) {
    op.target = make_futex(reinterpret_cast<const std::uint32_t*>(static_cast<std::uintptr_t>(op.entry().addr)));
    return 0;
  }
  if (!is_on_descriptor(op.entry().opcode)) return 0;
  op.target = object_of(op.entry().fd);
  if (!op.target) return -EBADF;
  if (op.entry().opcode == IORING_OP_SPLICE) {
    op.source = object_of(op.entry().splice_fd_in);
    if (!op.source) return -EBADF;
  }
  return 0;
}

/// From here on the buffer is not the program's.
void sim_kernel::scribble(const operation& op) {
  const io_uring_sqe& entry = op.entry();
  const bool fills = entry.opcode == IORING_OP_READ || entry.opcode == IORING_OP_RECV;
  if (!fills || (entry.flags & IOSQE_BUFFER_SELECT) != 0 || entry.addr == 0) return;
  std::memset(reinterpret_cast<void*>(static_cast<std::uintptr_t>(entry.addr)), pattern, entry.len);
}

duration sim_kernel::draw_delay() {
  const std::int64_t most = around_->settings.completion_delay().count();
  duration delay(around_->random.chance(500) ? 0 : around_->random.between(0, most));
  if (around_->happens(fault::late_completion, host_)) {
    delay += std::chrono::microseconds(around_->random.between(1, 100'000));
  }
  return delay;
}

duration sim_kernel::draw_sync_delay() {
  return duration(around_->random.between(0, around_->settings.sync_delay().count()));
}

std::shared_ptr<futex_word> sim_kernel::find_futex(const std::uint32_t* address) const noexcept {
  const auto found = futexes_.find(address);
  return found == futexes_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<futex_word> sim_kernel::make_futex(const std::uint32_t* address) {
  auto word = find_futex(address);
  if (word) return word;
  word = std::make_shared<futex_word>(*this, address);
  futexes_[address] = word;
  return word;
}

void sim_kernel::add_sleeper(object& what, process& who) {
  const std::uint64_t number = ++last_number_;
  sleepers_.emplace(number, who.weak_from_this());
  what.add_waiter(number);
}

void sim_kernel::try_again(const std::vector<std::uint64_t>& waiters) {
  for (const std::uint64_t number : waiters) {
    const auto sleeper = sleepers_.extract(number);
    if (!sleeper.empty()) {
      if (const auto who = sleeper.mapped().lock()) static_cast<process&>(*who).unpark();
      continue;
    }
    const auto found = operations_.find(number);
    if (found == operations_.end() || !found->second.is_waiting) continue;
    found->second.is_waiting = false;
    around_->try_at(around_->now() + draw_delay(), number_, number);
  }
}

void sim_kernel::try_operation(std::uint64_t number) {
  const auto found = operations_.find(number);
  if (found == operations_.end() || found->second.is_waiting) return;
  operation& op = found->second;
  if (op.outcome) {
    const std::uint64_t user_data = op.entry().user_data;
    const int outcome = *op.outcome;
    forget(number);
    return finish(user_data, number, outcome, 0);
  }
  std::uint32_t flags = 0;
  const std::shared_ptr<object> target = op.target;  // what it does may end the operation
  int result = 0;
  std::size_t moved = 0;
  do {  // what has moved a part and wants all goes on: its target may have changed by that
    moved = op.moved;
    result = perform(op, flags);
  } while (result == object::would_block && op.moved != moved);
  if (result == object::would_block) {
    if (!wants_not_to_wait(op)) {
      op.is_waiting = true;
      target->add_waiter(number);
      if (op.source) op.source->add_waiter(number);
      return;
    }
    result = op.moved > 0 ? static_cast<int>(op.moved) : -EAGAIN;
    if (op.entry().opcode == IORING_OP_CONNECT && !target->is_unix()) result = -EINPROGRESS;
  }
  if (op.entry().opcode == IORING_OP_FSYNC) {  // what is written from here on may be too late
    op.outcome = result;
    return around_->try_at(around_->now() + draw_sync_delay(), number_, number);
  }
  const std::uint64_t user_data = op.entry().user_data;
  if (goes_on(op, result)) {
    finish(user_data, number, result, flags | IORING_CQE_F_MORE);
    if (op.entry().opcode == IORING_OP_POLL_ADD) {  // when it changes; what is ready already was told
      op.is_waiting = true;
      target->add_waiter(number);
    } else {
      around_->try_at(around_->now() + draw_delay(), number_, number);
    }
    return;
  }
  forget(number);
  finish(user_data, number, result, flags);
}

bool sim_kernel::wants_not_to_wait(const operation& op) const {
  switch (op.entry().opcode) {
    case IORING_OP_SEND:
    case IORING_OP_RECV:
    case IORING_OP_SENDMSG:
    case IORING_OP_RECVMSG:  // O_NONBLOCK does not count for these
      return (op.entry().msg_flags & MSG_DONTWAIT) != 0;
    case IORING_OP_ACCEPT:
    case IORING_OP_POLL_ADD:
      return false;
    default:
      return op.target && op.target->is_non_blocking();
  }
}

/// Has it been asked to answer more than once?
bool sim_kernel::goes_on(const operation& op, int result) {
  bool is_multishot = false;
  switch (op.entry().opcode) {
    case IORING_OP_POLL_ADD:
      is_multishot = (op.entry().len & IORING_POLL_ADD_MULTI) != 0;
      break;
    case IORING_OP_ACCEPT:
      is_multishot = (op.entry().ioprio & IORING_ACCEPT_MULTISHOT) != 0;
      break;
    case IORING_OP_RECV:
      is_multishot = (op.entry().ioprio & IORING_RECV_MULTISHOT) != 0 && result != 0;
      break;
    default:
      break;
  }
  return is_multishot && result >= 0 && !around_->happens(fault::multishot_end, host_);
}

void sim_kernel::forget(std::uint64_t number) {
  const auto found = operations_.find(number);
  if (found == operations_.end()) return;
  const auto [first, last] = by_user_data_.equal_range(found->second.entry().user_data);
  for (auto each = first; each != last; ++each) {
    if (each->second != number) continue;
    by_user_data_.erase(each);
    break;
  }
  const auto node = operations_.extract(found);  // its objects may close when it is out of sight
}

/// Those that a cancel is about, the oldest first.
std::vector<std::uint64_t> sim_kernel::targets_of(const io_uring_sqe& cancel) const {
  std::vector<std::uint64_t> found;
  if ((cancel.cancel_flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY)) == 0) {
    const auto [first, last] = by_user_data_.equal_range(cancel.addr);
    for (auto each = first; each != last; ++each) found.push_back(each->second);
    std::sort(found.begin(), found.end());
    return found;
  }
  const bool is_any = (cancel.cancel_flags & IORING_ASYNC_CANCEL_ANY) != 0;
  const std::shared_ptr<object> on = is_any ? nullptr : object_of(cancel.fd);
  for (const auto& [number, op] : operations_) {
    if (is_any || op.target == on) found.push_back(number);
  }
  return found;
}

/// Looks for its targets at once: what comes to the same address later is another one.
void sim_kernel::submit_cancel(const io_uring_sqe& entry, std::uint64_t number) {
  constexpr unsigned all = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY;
  const std::vector<std::uint64_t> targets = targets_of(entry);
  const std::uint64_t target = targets.empty() ? 0 : targets.front();
  around_->record(host_, trace::kind::submit, number, entry.opcode, static_cast<std::int64_t>(target));
  if ((entry.cancel_flags & ~(all | IORING_ASYNC_CANCEL_FD)) != 0) {
    return finish(entry.user_data, number, -EINVAL, 0);
  }
  if ((entry.cancel_flags & IORING_ASYNC_CANCEL_FD) != 0 && !object_of(entry.fd)) {
    return finish(entry.user_data, number, -EBADF, 0);
  }
  if ((entry.cancel_flags & all) != 0) return cancel_all(entry.user_data, number, targets);
  if (!is_dead_ && around_->happens(fault::late_cancel, host_)) {
    const duration delay(around_->random.between(0, 50 + 4 * around_->settings.completion_delay().count()));
    around_->after(delay, [around = around_.get(), kernel = number_, user_data = entry.user_data, number, target] {
      if (sim_kernel* const here = around->kernel_of(kernel)) here->cancel(user_data, number, target);
    });
    return;
  }
  cancel(entry.user_data, number, target);
}

void sim_kernel::cancel(std::uint64_t user_data, std::uint64_t number, std::uint64_t target) {
  const auto found = operations_.find(target);
  if (found == operations_.end()) return finish(user_data, number, -ENOENT, 0);
  if (!found->second.is_waiting && around_->happens(fault::missed_cancel, host_)) {
    return finish(user_data, number, -ENOENT, 0);
  }
  if (found->second.outcome) return finish(user_data, number, -EALREADY, 0);
  const std::uint64_t of_target = found->second.entry().user_data;
  const auto moved = static_cast<std::int32_t>(found->second.moved);
  forget(target);
  finish(user_data, number, 0, 0);
  finish_later(of_target, target, moved > 0 ? moved : -ECANCELED);
}

/// Tells how many there were.
void sim_kernel::cancel_all(std::uint64_t user_data, std::uint64_t number, const std::vector<std::uint64_t>& targets) {
  std::vector<std::pair<std::uint64_t, answer>> ended;
  for (const std::uint64_t target : targets) {
    const operation& op = operations_.at(target);
    if (op.outcome) continue;
    const auto moved = static_cast<std::int32_t>(op.moved);
    ended.emplace_back(target, answer{op.entry().user_data, moved > 0 ? moved : -ECANCELED, 0});
    forget(target);
  }
  finish(user_data, number, static_cast<std::int32_t>(ended.size()), 0);
  for (const auto& [target, end] : ended) finish_later(end.user_data, target, end.result);
}

void sim_kernel::finish_later(std::uint64_t user_data, std::uint64_t number, std::int32_t result) {
  const duration delay = draw_delay();
  if (delay == duration(0)) return finish(user_data, number, result, 0);
  around_->after(delay, [around = around_.get(), kernel = number_, user_data, number, result] {
    if (sim_kernel* const here = around->kernel_of(kernel)) here->finish(user_data, number, result, 0);
  });
}

}  // namespace ringmill::sim::detail
