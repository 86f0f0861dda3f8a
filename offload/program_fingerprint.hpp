// Do two processes run the same program? The host asks before it gives a worker anything.
#pragma once

#include <cstdint>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

/// Stands for the build ids of all modules (the program and its shared libraries), the table of functions and the
/// layout of what is shared, as they were at `process_init`: equal in two processes that understand each other. A
/// module without a build id counts with its name and its size.
RINGMILL_API std::uint64_t program_fingerprint() noexcept;
/// Takes it, in process_init: libraries that are loaded later are not in the zygote.
void take_program_fingerprint() noexcept;

}  // namespace ringmill::detail
