// A write that neither waits nor raises SIGPIPE, to a descriptor whose flags are somebody else's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ringmill::detail {

/// Gives the number of bytes written, or a negated errno: EAGAIN when there is no room; EOPNOTSUPP when the kernel
/// cannot write to this file without waiting. Then it is a file, or one whose reader a worker thread of the kernel has
/// to wait for: a blocking pipe before Linux 6.4, a terminal.
std::int32_t write_at_once(int sink, std::span<const std::byte> data) noexcept;

}  // namespace ringmill::detail
