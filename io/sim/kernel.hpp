// A simulated kernel alone, for programs that have one loop: what run_on and host_loop take in place of Linux.
//
//   rm::run_on(rm::sim::make_kernel(seed), program());   // an hour of sleep takes no time
//
// For several hosts, partitions and crashes see io/sim/world.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/io/kernel.hpp>
#include <ringmill/io/sim/child_process.hpp>
#include <ringmill/io/sim/options.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>

namespace ringmill::sim {

/// A host with loopback addresses only. The clock moves when the loop waits, to what happens next; what takes place in
/// which order, and what goes wrong, is up to the seed. `programs` are what `process::spawn` finds, by name;
/// of two with one name the first.
RINGMILL_API std::unique_ptr<kernel> make_kernel(
    std::uint64_t seed, const options& how = options(),
    const std::vector<std::pair<std::string, child_program>>& programs = {});

}  // namespace ringmill::sim
