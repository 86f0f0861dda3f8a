// Starts a program: the system calls behind process::spawn.
#pragma once

#include <ringmill/io/fd.hpp>
#include <ringmill/io/kernel_calls.hpp>
#include <ringmill/io/process_options.hpp>

namespace ringmill::detail {

class spawned {
 public:
  int id = -1;
  fd handle;  ///< a pidfd
};

/// Starts what `options` say, with these descriptors as its standard streams. Comes back when the program has been
/// started. Throws std::system_error, which names the program and what could not be done, and std::invalid_argument.
spawned spawn(const process_options& options, const child_streams& streams);

/// Linux's part of it: `process_calls::spawn`.
int start_program(const process_options& options, const child_streams& streams, started_process& made);

}  // namespace ringmill::detail
