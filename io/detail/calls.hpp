// How handles come to the calls of their kernel (io/kernel_calls.hpp), and what becomes of the results.
#pragma once

#include <string>

#include <ringmill/io/kernel_calls.hpp>

namespace ringmill::detail {

// Of the kernel behind the thread's ring; of Linux where there is no ring, as before a loop begins and after its end.

RINGMILL_API file_calls& files() noexcept;
RINGMILL_API process_calls& processes() noexcept;
RINGMILL_API ipc_calls& ipc() noexcept;

/// The result of a call of a kernel; throws std::system_error, with `what`, if it is a negated errno.
RINGMILL_API int or_throw(int result, const std::string& what);

}  // namespace ringmill::detail
