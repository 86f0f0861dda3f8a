// Memory for the stacks of fibers: mapped lazily, with a guard page, and kept for the next one.
#pragma once

#include <cstddef>
#include <utility>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// How large the stack of a fiber is to be, in bytes; rounded up to pages, 16 KiB at least. Only what is touched takes
/// memory. The default is plenty for libraries such as curl or libpq, which were seen to need up to 20 KiB.
class stack_size {
 public:
  constexpr explicit stack_size(std::size_t bytes = 256 * 1024) noexcept : bytes_(bytes) {}
  constexpr std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_;
};

/// Stacks of this thread.
struct fiber_statistics {
  std::size_t live = 0;  ///< in use
  std::size_t kept = 0;  ///< for the next fibers
};

RINGMILL_API fiber_statistics current_fiber_statistics() noexcept;

namespace detail {

/// One stack, given back by its destructor. Below it lies a page that cannot be touched: an overflow is a SIGSEGV, not
/// a corrupted neighbour.
class fiber_stack {
 public:
  /// Throws std::system_error.
  explicit fiber_stack(stack_size size);
  fiber_stack(const fiber_stack&) = delete;
  fiber_stack& operator=(const fiber_stack&) = delete;
  ~fiber_stack();

  std::byte* bottom() const noexcept { return bottom_; }
  std::byte* top() const noexcept { return bottom_ + size_; }
  std::size_t size() const noexcept { return size_; }

 private:
  std::byte* bottom_;  ///< above the guard page
  std::size_t size_;
};

}  // namespace detail
}  // namespace ringmill
