#include "instant_kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

instant_kernel::instant_kernel(std::size_t connections, std::string_view message, std::size_t messages)
    : forwarding_kernel(ringmill::make_real_kernel()),
      to_accept_(connections),
      message_(message),
      messages_(messages),
      sqes_(512),
      cqes_(4096) {
  arrays_.sq_head = &sq_head_;
  arrays_.sq_tail = &sq_tail_;
  arrays_.sq_flags = &sq_flags_;
  arrays_.sq_entries = static_cast<unsigned>(sqes_.size());
  arrays_.sqes = sqes_.data();
  arrays_.cq_head = &cq_head_;
  arrays_.cq_tail = &cq_tail_;
  arrays_.cq_entries = static_cast<unsigned>(cqes_.size());
  arrays_.cqes = cqes_.data();
}

int instant_kernel::enter(unsigned to_submit, bool wait, std::optional<ringmill::duration>) {
  for (unsigned i = 0; i < to_submit; ++i) answer(sqes_[sq_head_++ % arrays_.sq_entries]);
  if (wait && cq_head_ == cq_tail_) {
    std::fputs("instant_kernel: the program waits for what never happens\n", stderr);
    std::abort();
  }
  return static_cast<int>(to_submit);
}

void instant_kernel::answer(const io_uring_sqe& asked) {
  switch (asked.opcode) {
    case IORING_OP_RECV:
      return complete(asked.user_data, receive(asked));
    case IORING_OP_SEND:
      return complete(asked.user_data, static_cast<int>(asked.len));
    case IORING_OP_ACCEPT:
      if (to_accept_ == 0) return waiting_.push_back(asked.user_data);
      --to_accept_;
      return complete(asked.user_data, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    case IORING_OP_READ:  // of the wake descriptor
      return waiting_.push_back(asked.user_data);
    case IORING_OP_ASYNC_CANCEL:
      return cancel(asked);
    default:
      return complete(asked.user_data, -EINVAL);
  }
}

int instant_kernel::receive(const io_uring_sqe& asked) noexcept {
  if (messages_ == 0) return 0;
  --messages_;
  std::memcpy(reinterpret_cast<void*>(asked.addr), message_.data(), message_.size());
  return static_cast<int>(message_.size());
}

void instant_kernel::cancel(const io_uring_sqe& asked) {
  const auto found = std::find(waiting_.begin(), waiting_.end(), asked.addr);
  complete(asked.user_data, found == waiting_.end() ? -ENOENT : 0);
  if (found == waiting_.end()) return;
  waiting_.erase(found);
  complete(asked.addr, -ECANCELED);
}

void instant_kernel::complete(std::uint64_t user_data, int result) noexcept {
  io_uring_cqe& entry = cqes_[cq_tail_++ % arrays_.cq_entries];
  entry.user_data = user_data;
  entry.res = result;
  entry.flags = 0;
}

}  // namespace bench
