// A worker's side of the pool's buffers: it reads them where they lie.
#pragma once

namespace ringmill::detail {

/// Maps the memory, read-only, for the rest of this process; `buffer_bytes` (offload/codec.hpp) gives parts of it.
/// Throws std::system_error.
void map_buffers(int memory);

}  // namespace ringmill::detail
