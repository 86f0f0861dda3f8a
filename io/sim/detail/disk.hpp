// What a simulated machine has for a disk: a memory_file_system in virtual time, which fails as the seed says. It is
// the machine's and not its kernel's, and so it outlives a crash.
#pragma once

#include <cstdint>
#include <memory>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/memory_file_system.hpp>

namespace ringmill::sim::detail {

/// With a directory /tmp, and nothing else.
std::shared_ptr<memory_file_system> make_disk(const std::shared_ptr<environment>& around, std::uint32_t host);

/// The machine has stopped. Nobody may have a file open any more.
void crash_disk(memory_file_system& disk, environment& around);

}  // namespace ringmill::sim::detail
