// How often each value was seen, in little memory: the counts of HdrHistogram, for one thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace http_load {

/// Log-linear: each power of two is divided into 128 counters of equal width, so a value is known to 1/128 of itself
/// (0.8 %), whatever its size; values below 256 exactly. All of std::uint64_t fits, in 58 KiB. Recording is one
/// increment.
class histogram {
 public:
  void record(std::uint64_t value) noexcept {
    ++counters_[counter_of(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  /// Of values recorded.
  std::uint64_t count() const noexcept { return count_; }
  /// The largest value, exactly; 0 if there is none.
  std::uint64_t max() const noexcept { return max_; }

  /// The least value that `share` of all values (0.5 is the median) do not exceed, and at the most 1/128 above it;
  /// 0 if there is none.
  std::uint64_t percentile(double share) const noexcept {
    // 0.999 * 1000 is a little more than 999, and must not ask for the 1000th.
    const double wanted = std::ceil(share * static_cast<double>(count_) * (1 - 1e-12));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counters_.size(); ++i) {
      seen += counters_[i];
      if (counters_[i] > 0 && static_cast<double>(seen) >= wanted) return std::min(last_of(i), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned kept_bits = 8;  // of a value, from its highest
  static constexpr std::size_t each_power = 1U << (kept_bits - 1);

  static unsigned dropped_bits(std::uint64_t value) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    return width > kept_bits ? width - kept_bits : 0;
  }
  static std::size_t counter_of(std::uint64_t value) noexcept {
    const unsigned dropped = dropped_bits(value);
    return dropped * each_power + static_cast<std::size_t>(value >> dropped);
  }
  /// The largest value that the counter counts.
  static std::uint64_t last_of(std::size_t counter) noexcept {
    if (counter < 2 * each_power) return counter;
    const std::size_t dropped = counter / each_power - 1;
    const std::uint64_t kept = each_power + counter % each_power;
    return (kept << dropped) | ((std::uint64_t{1} << dropped) - 1);
  }

  std::array<std::uint64_t, (64 - kept_bits + 2) * each_power> counters_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace http_load
