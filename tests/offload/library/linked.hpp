// A shared library that the program is linked with.
#pragma once

#include <ringmill/offload/process_pool.hpp>

namespace of_library {

/// Called by the library and by the program: both register it.
[[gnu::visibility("default")]] int twice(int number);
/// The same of an inline function, of which each of the two has a copy.
inline int thrice(int number) { return number * 3; }

/// Calls `twice` and `thrice`, and a function of its own that nobody else sees.
[[gnu::visibility("default")]] ringmill::task<int> call_from_library(ringmill::process_pool& pool, int number);

}  // namespace of_library
