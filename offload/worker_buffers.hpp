// A worker's side of the pool's buffers: it reads them where they lie.
#pragma once

#include <cstddef>
#include <span>

namespace ringmill::detail {

/// Maps the memory, read-only, for the rest of this process; `buffer_bytes` (offload/codec.hpp) gives parts of it.
/// Throws std::system_error.
void map_buffers(int memory);

/// What was mapped; empty in any other process.
std::span<const std::byte> mapped_buffers() noexcept;

/// Of the worker that runs a call now, be it this process or a simulated one.
std::span<const std::byte> buffers_of_worker() noexcept;

}  // namespace ringmill::detail
