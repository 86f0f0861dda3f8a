#include <ringmill/runtime/fiber_stack.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/runtime/detail/sanitizers.hpp>

namespace ringmill {

namespace {

/// Stacks of one size are kept, that of the first fiber: hardly any program uses two.
constexpr std::size_t most_kept = 64;

std::size_t page() noexcept {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

std::byte* map_stack(std::size_t size) {
  const std::size_t whole = size + page();
  void* const memory = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, page(), PROT_NONE) != 0) {
    const int error = errno;
    if (memory != MAP_FAILED) munmap(memory, whole);
    const std::string what = "no stack of " + std::to_string(size) + " bytes for a fiber";
    throw std::system_error(error, std::system_category(),
                            error == ENOMEM ? what + " (each takes two of the mappings in vm.max_map_count)" : what);
  }
  return static_cast<std::byte*>(memory) + page();
}

void unmap_stack(std::byte* bottom, std::size_t size) noexcept { munmap(bottom - page(), size + page()); }

class stack_pool {
 public:
  ~stack_pool() {
    for (std::byte* one : kept_) unmap_stack(one, size_);
  }

  std::byte* take(std::size_t size) {
    std::byte* bottom = nullptr;
    if (size == size_ && !kept_.empty()) {
      bottom = kept_.back();
      kept_.pop_back();
    } else {
      bottom = map_stack(size);
      if (size_ == 0) {
        size_ = size;
        kept_.reserve(most_kept);
      }
    }
    ++live_;
    return bottom;
  }

  void give_back(std::byte* bottom, std::size_t size) noexcept {
    --live_;
    detail::unpoison(bottom, size);  // what its last frames left there
    if (size != size_ || kept_.size() == most_kept) {
      unmap_stack(bottom, size);
    } else {
      kept_.push_back(bottom);
    }
  }

  fiber_statistics statistics() const noexcept {
    fiber_statistics now;
    now.live = live_;
    now.kept = kept_.size();
    return now;
  }

 private:
  std::size_t size_ = 0;
  std::size_t live_ = 0;
  std::vector<std::byte*> kept_;
};

thread_local stack_pool stacks;

std::size_t whole_pages(std::size_t bytes) {
  constexpr std::size_t smallest = 16 * 1024;
  constexpr std::size_t largest = std::size_t{1} << 40;
  if (bytes > largest) throw std::system_error(ENOMEM, std::system_category(), "a fiber's stack of over a terabyte");
  return (std::max(bytes, smallest) + page() - 1) / page() * page();
}

}  // namespace

fiber_statistics current_fiber_statistics() noexcept { return stacks.statistics(); }

namespace detail {

fiber_stack::fiber_stack(stack_size size) : size_(whole_pages(size.bytes())) { bottom_ = stacks.take(size_); }
fiber_stack::~fiber_stack() { stacks.give_back(bottom_, size_); }

}  // namespace detail
}  // namespace ringmill
