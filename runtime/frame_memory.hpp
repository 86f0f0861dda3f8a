// Where coroutine frames live: a free list for each size, of this thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// Frames of this thread; always counted.
struct frame_statistics {
  std::uint64_t made = 0;      ///< frames made so far
  std::uint64_t fetched = 0;   ///< how many times memory was fetched for them: for one, or for many of one size
  std::int64_t live = 0;       ///< made here less destroyed here
  std::size_t kept_bytes = 0;  ///< in the free lists
};

RINGMILL_API frame_statistics current_frame_statistics() noexcept;

/// Takes the frames that this thread makes from now on from `memory` instead of the free lists; null: from those again.
/// `memory` outlives the frames, and is called with their size and alignof(std::max_align_t). Throws std::logic_error
/// while frames of this thread are alive: they would go back to the wrong place.
RINGMILL_API void set_frame_memory(std::pmr::memory_resource* memory);
}  // namespace ringmill
