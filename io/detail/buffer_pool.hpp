// The buffers of a ring that the kernel chooses from when bytes arrive (io_uring_register(2),
// IORING_REGISTER_PBUF_RING).
#pragma once

#include <cstddef>
#include <cstdint>

#include <ringmill/io/buffer.hpp>
#include <ringmill/io/kernel.hpp>

struct io_uring_buf_ring;

namespace ringmill::detail {

/// `count` buffers of `size` bytes, which the kernel gets through a ring in shared memory and gives back by their index
/// in a completion. One group per ring. Belongs to the ring; must not die while a lease of it lives (checked).
class buffer_pool {
 public:
  static constexpr unsigned group = 0;

  /// `count` is a power of two up to 32768. Throws std::system_error.
  buffer_pool(kernel& behind, unsigned count, unsigned size);
  ~buffer_pool();
  buffer_pool(const buffer_pool&) = delete;
  buffer_pool& operator=(const buffer_pool&) = delete;

  /// The buffer that the kernel has chosen, and put `size` bytes into. It is lent from now on.
  std::byte* take(std::uint32_t completion_flags, std::uint32_t size) noexcept;
  /// While all are lent: memory of its own, as large. Null if there is none.
  std::byte* make_own() noexcept;
  /// What one of these gave, with so many bytes, for somebody to give back.
  lease lease_of(std::byte* buffer, std::uint32_t size) const noexcept;
  void give_back(lease& ended) noexcept;

  unsigned buffer_size() const noexcept { return size_; }
  /// Leases that live.
  std::size_t lent() const noexcept { return lent_; }

 private:
  void offer(std::uint16_t index) noexcept;
  std::byte* address_of(std::size_t index) const noexcept { return buffers_ + index * size_; }

  kernel& kernel_;
  unsigned count_;
  unsigned size_;
  std::byte* memory_ = nullptr;  ///< the ring, then the buffers
  std::size_t memory_size_ = 0;
  io_uring_buf_ring* ring_ = nullptr;
  std::byte* buffers_ = nullptr;
  std::uint16_t tail_ = 0;
  std::size_t lent_ = 0;
};

}  // namespace ringmill::detail
