// The measures of I/O, by subject; each file of this folder gives some of them.
#pragma once

#include <vector>

#include "../support/measure.hpp"

namespace bench {

/// How long a server is under load in one round.
inline double seconds_of_load(const effort& how) { return how.is_quick() ? 0.05 : 1; }

std::vector<measure> echo_measures();
std::vector<measure> connection_measures();
std::vector<measure> file_measures();

}  // namespace bench
