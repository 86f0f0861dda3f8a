// Provided buffers of a scenario (io_uring_register_buf_ring(3)): the kernel chooses one for each receive.
#pragma once

#include <liburing.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <ringmill/io/kernel.hpp>

namespace conformance {

/// Eight buffers of that size at most, none of which is offered at first.
class buffer_group {
 public:
  static constexpr unsigned entries = 8;

  buffer_group(ringmill::kernel& behind, unsigned number, unsigned size)
      : kernel_(behind),
        number_(number),
        size_(size),
        ring_(static_cast<io_uring_buf_ring*>(std::aligned_alloc(page, page)), &std::free),
        buffers_(std::size_t{entries} * size) {
    ring_->tail = 0;
    registered_ = kernel_.register_buffer_ring(ring_.get(), entries, number);
  }
  buffer_group(const buffer_group&) = delete;
  buffer_group& operator=(const buffer_group&) = delete;
  ~buffer_group() {
    if (registered_ >= 0) kernel_.unregister_buffer_ring(number_);
  }

  int registered() const noexcept { return registered_; }

  /// The kernel may use that one again.
  void offer(unsigned index) noexcept {
    io_uring_buf& entry = ring_->bufs[tail_ & (entries - 1)];
    entry.addr = reinterpret_cast<std::uintptr_t>(&buffers_[std::size_t{index} * size_]);
    entry.len = size_;
    entry.bid = static_cast<std::uint16_t>(index);
    std::atomic_ref(ring_->tail).store(++tail_, std::memory_order_release);
  }
  std::string text(unsigned index, std::size_t length) const {
    return std::string(&buffers_[std::size_t{index} * size_], length);
  }

 private:
  static constexpr std::size_t page = 4096;
  ringmill::kernel& kernel_;
  unsigned number_;
  unsigned size_;
  std::unique_ptr<io_uring_buf_ring, void (*)(void*)> ring_;
  std::vector<char> buffers_;
  std::uint16_t tail_ = 0;
  int registered_ = -1;
};

}  // namespace conformance
