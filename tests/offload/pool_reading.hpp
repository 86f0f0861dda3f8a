// What the tests of read_in_place share: functions whose results are read, small and large.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "pool_support.hpp"

namespace of_reading {

constexpr std::size_t inline_size = 100;      // lies in a small place of the channel
constexpr std::size_t large_size = 1U << 20;  // lies in the large one

inline std::string letters(char letter, std::uint64_t count) { return std::string(count, letter); }
inline std::vector<std::uint64_t> numbers(std::uint64_t count) {
  std::vector<std::uint64_t> all(count);
  std::iota(all.begin(), all.end(), std::uint64_t{0});
  return all;
}
inline int one() { return 1; }
inline int pid() { return getpid(); }

inline ringmill::pool_options one_worker() {
  return ringmill::pool_options().workers(1).output_capacity(4 * large_size);
}

inline std::size_t count_of(char letter, std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), letter));
}

}  // namespace of_reading
