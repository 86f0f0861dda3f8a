// Memory for coroutine frames, of all threads: blocks from the system, each cut into frames of one size.
//
// Against malloc it saves the eight bytes before each frame, and gives memory back after a crowd has gone: what lives
// on next to the frames, and is not one, does not keep it.
#pragma once

#include <cstddef>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

/// A frame that nobody uses, in a list.
struct free_frame {
  free_frame* next;
};

/// For batches of frames: it takes a lock. Sizes are multiples of `step` up to `largest`.
class frame_blocks {
 public:
  static constexpr std::size_t step = 16;  ///< every frame is aligned to it
  static constexpr std::size_t largest = 1024;

  /// A list of `count` frames, at least one: fewer if there is no memory for more. Throws std::bad_alloc if there is
  /// none.
  static free_frame* take(std::size_t size, std::size_t& count);
  /// All that are in the list, from whatever thread. A block without a frame in use goes back to the system.
  static void give_back(free_frame* frames, std::size_t size) noexcept;
};

}  // namespace ringmill::detail
