// Which sanitizers this is built with, and what they have to be told of stacks that are not the thread's own.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RINGMILL_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define RINGMILL_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define RINGMILL_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define RINGMILL_TSAN 1
#endif

#ifdef RINGMILL_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef RINGMILL_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace ringmill::detail {

inline void unpoison([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t size) noexcept {
#ifdef RINGMILL_ASAN
  __asan_unpoison_memory_region(memory, size);
#endif
}

/// One of two stacks between which a thread jumps, as the sanitizers know it. Without them all of this is nothing.
class annotated_stack {
 public:
  /// The thread's own: what it is becomes known when it is left for the first time.
  annotated_stack() noexcept = default;
  annotated_stack([[maybe_unused]] const void* bottom, [[maybe_unused]] std::size_t size) noexcept {
#ifdef RINGMILL_ASAN
    bottom_ = bottom;
    size_ = size;
#endif
#ifdef RINGMILL_TSAN
    fiber_ = __tsan_create_fiber(0);
    owned_ = true;
#endif
  }
  annotated_stack(const annotated_stack&) = delete;
  annotated_stack& operator=(const annotated_stack&) = delete;
  ~annotated_stack() {
#ifdef RINGMILL_TSAN
    if (owned_) __tsan_destroy_fiber(fiber_);
#endif
  }

  /// On this stack, right before the jump to `other`.
  void leave_for([[maybe_unused]] annotated_stack& other) noexcept {
#ifdef RINGMILL_ASAN
    __sanitizer_start_switch_fiber(&fake_, other.bottom_, other.size_);
#endif
#ifdef RINGMILL_TSAN
    if (!owned_) fiber_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(other.fiber_, 0);
#endif
  }
  /// On this stack, right after the jump that came from `other`.
  void arrive_from([[maybe_unused]] annotated_stack& other) noexcept {
#ifdef RINGMILL_ASAN
    __sanitizer_finish_switch_fiber(fake_, &other.bottom_, &other.size_);
#endif
  }
  /// Like leave_for, when nobody will come back to this stack.
  void leave_for_good([[maybe_unused]] annotated_stack& other) noexcept {
#ifdef RINGMILL_ASAN
    __sanitizer_start_switch_fiber(nullptr, other.bottom_, other.size_);
#endif
#ifdef RINGMILL_TSAN
    __tsan_switch_to_fiber(other.fiber_, 0);
#endif
  }

 private:
#ifdef RINGMILL_ASAN
  void* fake_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
#endif
#ifdef RINGMILL_TSAN
  void* fiber_ = nullptr;
  bool owned_ = false;
#endif
};

}  // namespace ringmill::detail
