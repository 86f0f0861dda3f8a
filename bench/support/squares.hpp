// The work of the mixed load: some milliseconds of a processor that cannot be left out.
#pragma once

#include <cstdint>

namespace bench {

constexpr std::uint64_t million = 1'000'000;

inline std::uint64_t sum_of_squares(std::uint64_t count) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    sum += i * i;
    asm volatile("" : "+r"(sum));  // or the compiler would put a formula in its place
  }
  return sum;
}

}  // namespace bench
