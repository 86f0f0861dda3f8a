// Where coroutines get their frames from (runtime/frame_memory.hpp); apart from it, because each promise needs this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/frame_blocks.hpp>

namespace ringmill::detail {

/// This thread's frames that nobody uses, a list for each size; behind it stands runtime/detail/frame_blocks.hpp.
/// Without constructor and destructor, so that a thread-local one needs no look whether it is there yet, or still.
class frame_lists {
 public:
  /// Memory for a frame. Throws std::bad_alloc.
  void* take(std::size_t size) {
    if (size <= frame_blocks::largest) {
      list& from = list_of(size);
      if (free_frame* const first = from.head) {
        from.head = first->next;
        --from.count;
        ++made;
        return first;
      }
    }
    return take_slowly(size);
  }

  void give_back(void* frame, std::size_t size) noexcept {
    if (size <= frame_blocks::largest) {
      list& to = list_of(size);
      if (to.count < to.most) {
        to.head = new (frame) free_frame{to.head};
        ++to.count;
        ++destroyed;
        return;
      }
    }
    give_back_slowly(frame, size);
  }

  /// Gives back what is in the lists; they are opened again when the next frame is made.
  void close() noexcept;
  std::size_t kept_bytes() const noexcept;

  std::uint64_t made = 0;
  std::uint64_t destroyed = 0;
  std::uint64_t fetched = 0;  ///< times that there was none in the lists

 private:
  friend class frame_lists_closer;
  struct list {
    free_frame* head = nullptr;
    std::uint32_t count = 0;
    std::uint32_t most = 0;  ///< 0: frames of this size pass by the list
  };

  static constexpr std::size_t classes = frame_blocks::largest / frame_blocks::step;
  static constexpr std::size_t class_of(std::size_t size) noexcept { return (size - 1) / frame_blocks::step; }
  static constexpr std::size_t size_of(std::size_t index) noexcept { return (index + 1) * frame_blocks::step; }
  list& list_of(std::size_t size) noexcept { return lists_[class_of(size)]; }

  bool open() noexcept;
  RINGMILL_API void* take_slowly(std::size_t size);
  RINGMILL_API void give_back_slowly(void* frame, std::size_t size) noexcept;

  list lists_[classes];
  bool has_ended_ = false;
};

RINGMILL_API [[gnu::tls_model("initial-exec")]] extern constinit thread_local frame_lists this_threads_frames;

}  // namespace ringmill::detail
