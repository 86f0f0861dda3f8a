// A scenario: something that a program does many times, the same each time, down to the instruction. So it has neither
// a clock nor a peer nor a thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace bench {

class scenario {
 public:
  std::string_view name;
  /// Does it so many times.
  void (*run)(std::size_t count);
};

std::vector<scenario> runtime_scenarios();
std::vector<scenario> server_scenarios();
std::vector<scenario> channel_scenarios();

}  // namespace bench
