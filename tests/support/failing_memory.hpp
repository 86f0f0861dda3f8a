// Memory runs out: `operator new` of a program that has failing_memory.cpp fails when it is told to.
#pragma once

#include <cstddef>
#include <exception>
#include <limits>
#include <memory_resource>

namespace support {

/// All of it belongs to one thread, the one that sets `is_on`.
class failing_memory {
 public:
  static constexpr long never = std::numeric_limits<long>::max();

  static inline bool is_on = false;     ///< only then an allocation is counted, and may fail
  static inline long left = never;      ///< how many succeed before the next fails
  static inline bool for_ever = false;  ///< and so do all after it
  /// None fails that doctest could not bear: while a stack is unwound, and of its own strings when a check fails.
  /// (Those are small arrays, which ringmill seldom has.)
  static inline bool spares_doctest = false;
  static inline long made = 0;  ///< while it is on

  /// An allocation: has it to fail?
  static bool fails(std::size_t size, bool is_array) noexcept {
    if (!is_on) return false;
    if (spares_doctest && (std::uncaught_exceptions() > 0 || (is_array && size < 2000))) return false;
    ++made;
    if (left == never) return false;
    if (left > 0) return --left, false;
    if (!for_ever) left = never;
    return true;
  }

  /// While it lives, none fails: what goes on is not what is tested.
  class pause {
   public:
    pause() noexcept : before_(is_on) { is_on = false; }
    ~pause() { is_on = before_; }
    pause(const pause&) = delete;
    pause& operator=(const pause&) = delete;

   private:
    bool before_;
  };
};

/// For frames, one by one, which would else come from blocks that are kept.
class single_allocations final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t size, std::size_t) override { return ::operator new(size); }
  void do_deallocate(void* memory, std::size_t, std::size_t) override { ::operator delete(memory); }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

}  // namespace support
