// The measures of I/O, by subject; each file of this folder gives some of them.
#pragma once

#include <vector>

#include "../support/measure.hpp"

namespace bench {

std::vector<measure> echo_measures();
std::vector<measure> connection_measures();

}  // namespace bench
