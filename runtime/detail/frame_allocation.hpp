// Where coroutines get their frames from (runtime/frame_memory.hpp); apart from it, because each promise needs this.
#pragma once

#include <cstddef>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

/// Memory of `size` bytes for a frame. Throws std::bad_alloc.
RINGMILL_API void* allocate_frame(std::size_t size);
RINGMILL_API void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace ringmill::detail
