#include <ringmill/io/sim/detail/shared_memory.hpp>

#include <fcntl.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>

#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

memory_object::memory_object(sim_kernel& owner, std::size_t size) noexcept : object(owner), size_(size) {
  void* const made = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made != MAP_FAILED) address_ = static_cast<std::byte*>(made);
}

memory_object::~memory_object() {
  if (address_) ::munmap(address_, size_);
}

int memory_object::add_seals(int more) noexcept {
  if ((seals_ & F_SEAL_SEAL) != 0) return -EPERM;
  seals_ |= more;
  return 0;
}

futex_word::~futex_word() { owner().forget_futex(address_); }

std::uint32_t futex_word::value() const noexcept {
  return std::atomic_ref(*const_cast<std::uint32_t*>(address_)).load(std::memory_order_seq_cst);
}

}  // namespace ringmill::sim::detail
