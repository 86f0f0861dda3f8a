// A shared library that the program loads with dlopen.
#pragma once

#include <ringmill/offload/process_pool.hpp>

namespace of_library {

class plugin {
 public:
  ringmill::task<int> (*call)(ringmill::process_pool& pool, int number);
};

/// What dlsym finds.
inline constexpr const char* plugin_entry = "plugin_entry";
using plugin_entry_function = void (*)(plugin& into);

}  // namespace of_library
