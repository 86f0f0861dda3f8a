// A kernel without a ring around it: its arrays, entry by entry.
#pragma once

#include <liburing.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ringmill/io/kernel.hpp>

namespace conformance {

class bare_kernel {
 public:
  explicit bare_kernel(std::unique_ptr<ringmill::kernel> behind)
      : kernel_(std::move(behind)), arrays_(kernel_->arrays()), taken_(*arrays_.sq_tail) {}

  ringmill::kernel& operator*() noexcept { return *kernel_; }
  ringmill::kernel* operator->() noexcept { return kernel_.get(); }
  const ringmill::ring_arrays& arrays() const noexcept { return arrays_; }

  /// The next entry, zeroed, with that number: it is the kernel's with the next `enter`.
  io_uring_sqe& push(std::uint64_t number) noexcept {
    const unsigned tail = *arrays_.sq_tail;
    io_uring_sqe& entry = arrays_.sqes[tail & (arrays_.sq_entries - 1)];
    std::memset(&entry, 0, sizeof entry);
    entry.user_data = number;
    std::atomic_ref(*arrays_.sq_tail).store(tail + 1, std::memory_order_release);
    return entry;
  }
  unsigned unsubmitted() const noexcept { return *arrays_.sq_tail - taken_; }
  bool is_full() const noexcept { return unsubmitted() == arrays_.sq_entries; }

  int enter(bool wait = false, std::optional<ringmill::duration> timeout = std::nullopt) {
    const int result = kernel_->enter(unsubmitted(), wait, timeout);
    if (result > 0) taken_ += static_cast<unsigned>(result);
    return result;
  }

  /// The numbers of what has completed, which it takes out.
  std::vector<std::uint64_t> collect() {
    std::vector<std::uint64_t> all;
    while (*arrays_.cq_head != std::atomic_ref(*arrays_.cq_tail).load(std::memory_order_acquire)) {
      const io_uring_cqe& entry = arrays_.cqes[*arrays_.cq_head & (arrays_.cq_entries - 1)];
      all.push_back(entry.user_data);
      last_result_ = entry.res;
      std::atomic_ref(*arrays_.cq_head).store(*arrays_.cq_head + 1, std::memory_order_release);
    }
    return all;
  }
  int last_result() const noexcept { return last_result_; }

 private:
  std::unique_ptr<ringmill::kernel> kernel_;
  ringmill::ring_arrays arrays_;
  unsigned taken_;
  int last_result_ = 0;
};

}  // namespace conformance
