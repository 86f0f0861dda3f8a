// Linux behind the calls on files, processes, signals and shared memory (io/kernel_calls.hpp).
#pragma once

#include <cerrno>

#include <ringmill/io/kernel_calls.hpp>

namespace ringmill::detail {

/// What a system call gives, or the negative number of its error.
inline int or_errno(long result) noexcept { return result < 0 ? -errno : static_cast<int>(result); }

file_calls& linux_files() noexcept;
process_calls& linux_processes() noexcept;
ipc_calls& linux_ipc() noexcept;

}  // namespace ringmill::detail
