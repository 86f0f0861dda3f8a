#include <ringmill/io/detail/buffer_pool.hpp>

#include <liburing.h>
#include <sys/mman.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include <ringmill/runtime/error.hpp>

namespace ringmill::detail {

namespace {
constexpr std::size_t page = 4096;
constexpr std::size_t whole_pages(std::size_t size) noexcept { return (size + page - 1) / page * page; }
}  // namespace

buffer_pool::buffer_pool(kernel& behind, unsigned count, unsigned size) : kernel_(behind), count_(count), size_(size) {
  if (!std::has_single_bit(count) || count > 32768 || size == 0) {
    throw std::invalid_argument("buffers of a ring: their number is a power of two up to 32768, their size not zero");
  }
  const std::size_t ring_size = whole_pages(count * sizeof(io_uring_buf));
  memory_size_ = ring_size + whole_pages(std::size_t{count} * size);
  void* const memory = ::mmap(nullptr, memory_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "memory for the ring's buffers");
  memory_ = static_cast<std::byte*>(memory);
  ring_ = reinterpret_cast<io_uring_buf_ring*>(memory_);
  buffers_ = memory_ + ring_size;
  const int result = kernel_.register_buffer_ring(ring_, count, group);
  if (result < 0) {
    ::munmap(memory_, memory_size_);
    throw std::system_error(-result, std::generic_category(), "register the ring's buffers");
  }
  for (unsigned index = 0; index < count; ++index) offer(static_cast<std::uint16_t>(index));
}

buffer_pool::~buffer_pool() {
  RINGMILL_CHECK(lent_ == 0, "a loop was destroyed while a lease of its buffers lives");
  kernel_.unregister_buffer_ring(group);
  ::munmap(memory_, memory_size_);
}

std::byte* buffer_pool::take(std::uint32_t completion_flags, std::uint32_t size) noexcept {
  const std::uint32_t index = completion_flags >> IORING_CQE_BUFFER_SHIFT;
  RINGMILL_CHECK(index < count_ && size <= size_, "the kernel used a buffer that it was not given");
  ++lent_;
  return address_of(index);
}

std::byte* buffer_pool::make_own() noexcept {
  auto* const made = static_cast<std::byte*>(std::malloc(size_));
  if (made) ++lent_;
  return made;
}

/// Which one it is follows from where it lies: eight bytes less for each operation that waits.
lease buffer_pool::lease_of(std::byte* buffer, std::uint32_t size) const noexcept {
  const std::size_t offset = reinterpret_cast<std::uintptr_t>(buffer) - reinterpret_cast<std::uintptr_t>(buffers_);
  const std::size_t index = offset / size_;
  lease made;
  made.data_ = buffer;
  made.size_ = size;
  if (index < count_) made.index_ = static_cast<std::int32_t>(index);
  return made;
}

void buffer_pool::give_back(lease& ended) noexcept {
  const auto index = static_cast<std::size_t>(ended.index_);
  const bool is_own = ended.index_ == lease::own_memory;
  RINGMILL_CHECK(lent_ > 0 && (is_own || (index < count_ && ended.data_ == address_of(index))),
                 "a lease ended on another loop than the one that its bytes were read on");
  --lent_;
  if (is_own) {
    std::free(ended.data_);
  } else {
    offer(static_cast<std::uint16_t>(ended.index_));
  }
}

/// The tail lies in the place of the first entry's reserved field, so an entry is written field by field.
void buffer_pool::offer(std::uint16_t index) noexcept {
  io_uring_buf& entry = ring_->bufs[tail_ & (count_ - 1)];
  entry.addr = reinterpret_cast<std::uintptr_t>(address_of(index));
  entry.len = size_;
  entry.bid = index;
  std::atomic_ref(ring_->tail).store(++tail_, std::memory_order_release);
}

}  // namespace ringmill::detail
