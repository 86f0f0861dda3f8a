// The measures of the runtime, by subject; each file of this folder gives some of them.
#pragma once

#include <vector>

#include "../support/measure.hpp"

namespace bench {

std::vector<measure> task_measures();
std::vector<measure> timer_measures();
std::vector<measure> channel_measures();
std::vector<measure> sleeper_measures();
std::vector<measure> fiber_measures();  ///< only in a build with fibers

}  // namespace bench
