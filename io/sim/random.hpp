// Random numbers that are the same everywhere: xoshiro256** (Blackman and Vigna, https://prng.di.unimi.it), seeded by
// splitmix64. Those of <random> differ between standard libraries as soon as a distribution is asked.
#pragma once

#include <cstdint>

namespace ringmill::sim {

namespace detail {
/// One step of splitmix64; also a good mixer of bits.
constexpr std::uint64_t mix(std::uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}
}  // namespace detail

/// A uniform random bit generator, as <random> and <algorithm> want it. `below` and its kind give the same numbers on
/// every compiler and library; std::uniform_int_distribution and std::shuffle do not.
class random_source {
 public:
  using result_type = std::uint64_t;
  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return ~result_type{0}; }

  explicit random_source(std::uint64_t seed) noexcept {
    for (std::uint64_t& word : state_) {
      word = detail::mix(seed);
      seed += 0x9e3779b97f4a7c15U;
    }
  }

  /// What one with that seed gives first, without the rest of it.
  static constexpr result_type first_of(std::uint64_t seed) noexcept {
    return scrambled(detail::mix(seed + 0x9e3779b97f4a7c15U));
  }

  result_type operator()() noexcept {
    const std::uint64_t result = scrambled(state_[1]);
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotated(state_[3], 45);
    return result;
  }

  /// 0 to `count` - 1; 0 if there is nothing to choose from.
  std::uint64_t below(std::uint64_t count) noexcept { return count == 0 ? 0 : (*this)() % count; }
  /// `least` to `most`, both included.
  std::int64_t between(std::int64_t least, std::int64_t most) noexcept {
    return least + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least) + 1));
  }
  /// True that often in a thousand times.
  bool chance(unsigned per_mille) noexcept { return per_mille > 0 && below(1000) < per_mille; }

 private:
  static constexpr std::uint64_t scrambled(std::uint64_t word) noexcept { return rotated(word * 5, 7) * 9; }
  static constexpr std::uint64_t rotated(std::uint64_t value, int by) noexcept {
    return (value << by) | (value >> (64 - by));
  }

  std::uint64_t state_[4];
};

}  // namespace ringmill::sim
