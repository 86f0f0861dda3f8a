// A worker: runs one call after the other until it is killed. There is no orderly end: it owns nothing that needs one.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

struct worker_start {
  pid_t parent = 0;  ///< its zygote
  int nice = 0;
  std::int64_t spin_ns = 0;  ///< how long it looks for its next call before it sleeps
  int request_memory = -1;
  int response_memory = -1;
  int errors = -1;  ///< becomes its standard error
  int doorbell = -1;
  int buffers = -1;               ///< of the pool
  std::uint64_t initializer = 0;  ///< a registered function, or 0
  const char* name = "";          ///< as `ps` shows it; at most 15 characters
};

/// Lets go of all that was inherited, then serves the channel.
[[noreturn]] void worker_main(const worker_start& start) noexcept;

}  // namespace ringmill::detail
