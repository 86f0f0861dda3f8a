// Starts a program: the system calls behind process::spawn.
#pragma once

#include <sys/types.h>

#include <array>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/process_options.hpp>

namespace ringmill::detail {

/// In `spawn`'s streams: where standard output leads.
inline constexpr int as_standard_output = -2;

class spawned {
 public:
  pid_t id = -1;
  fd handle;  ///< a pidfd
};

/// Starts what `options` say, with these descriptors as its standard streams; a number that is its own place (1 for
/// standard output) means that it is inherited. Comes back when the program has been started. Throws std::system_error,
/// which names the program and what could not be done, and std::invalid_argument.
spawned spawn(const process_options& options, const std::array<int, 3>& streams);

}  // namespace ringmill::detail
