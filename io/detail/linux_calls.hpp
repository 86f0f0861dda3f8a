// Linux behind the calls on files, processes, signals and shared memory (io/kernel_calls.hpp).
#pragma once

#include <ringmill/io/kernel_calls.hpp>

namespace ringmill::detail {

file_calls& linux_files() noexcept;
process_calls& linux_processes() noexcept;
ipc_calls& linux_ipc() noexcept;

}  // namespace ringmill::detail
