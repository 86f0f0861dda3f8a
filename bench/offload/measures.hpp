// The measures of offload/ that have a file of their own.
#pragma once

#include "../support/measure.hpp"

namespace bench {

/// How long a server that computes in worker processes keeps those waiting who want nothing computed.
measure mixed_p99();

}  // namespace bench
