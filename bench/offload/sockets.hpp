// bench/offload: bytes that come from a socket and go to a worker.
#pragma once

#include <cstddef>

namespace bench {

/// Microseconds for each MiB: received into a pool_buffer, and looked at by a worker.
double socket_to_worker(std::size_t count);
/// The same by hand: recv(2) into memory that is shared with a process, and a round trip by futex.
double raw_socket_to_worker(std::size_t count);

}  // namespace bench
