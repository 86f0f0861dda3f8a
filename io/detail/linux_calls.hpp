// Linux behind the calls on files, processes and signals (io/kernel_calls.hpp).
#pragma once

#include <ringmill/io/kernel_calls.hpp>

namespace ringmill::detail {

file_calls& linux_files() noexcept;
process_calls& linux_processes() noexcept;

}  // namespace ringmill::detail
