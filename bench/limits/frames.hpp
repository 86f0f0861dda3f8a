// Memory of the bare coroutines: a free list for each size, nothing counted, nothing given back.
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

namespace limits {

class frame_lists {
 public:
  void* take(std::size_t size) {
    link*& head = head_of(size);
    if (link* const frame = head) {
      head = frame->next;
      return frame;
    }
    return carve(rounded(size));
  }
  void give_back(void* frame, std::size_t size) noexcept {
    link*& head = head_of(size);
    head = new (frame) link{head};
  }

 private:
  struct link {
    link* next;
  };
  static constexpr std::size_t step = 16;
  static constexpr std::size_t largest = 512;
  static constexpr std::size_t block = 1 << 16;

  static std::size_t rounded(std::size_t size) noexcept { return (size + step - 1) / step * step; }
  link*& head_of(std::size_t size) noexcept { return heads_[(size + step - 1) / step]; }

  /// From a large block, without a header for each frame. Blocks live as long as the program.
  void* carve(std::size_t size) {
    if (size > left_) {
      next_ = static_cast<std::byte*>(::operator new(block));
      left_ = block;
    }
    left_ -= size;
    return std::exchange(next_, next_ + size);
  }

  std::array<link*, largest / step + 1> heads_{};
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
};

inline constinit frame_lists frames;

/// Base of a promise whose frame lives there.
class in_frame_lists {
 public:
  static void* operator new(std::size_t size) { return frames.take(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { frames.give_back(frame, size); }
};

}  // namespace limits
