#include "http_load/histogram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <vector>

using http_load::histogram;

namespace {

/// The value that a sorted list has at that share, exactly.
std::uint64_t exact_percentile(const std::vector<std::uint64_t>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size()) - 1e-9));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

TEST_CASE("an empty histogram has no values, and percentiles of 0") {
  const auto empty = std::make_unique<histogram>();
  CHECK(empty->count() == 0);
  CHECK(empty->max() == 0);
  CHECK(empty->percentile(0.5) == 0);
}

TEST_CASE("small values are kept exactly") {
  const auto values = std::make_unique<histogram>();
  for (std::uint64_t value = 0; value < 256; ++value) values->record(value);
  CHECK(values->count() == 256);
  CHECK(values->max() == 255);
  for (std::uint64_t rank = 1; rank <= 256; ++rank) {
    CHECK(values->percentile(static_cast<double>(rank) / 256) == rank - 1);
  }
}

TEST_CASE("a percentile is never below the exact one, and at most 1/128 above it") {
  std::mt19937_64 random(7);
  const auto recorded = std::make_unique<histogram>();
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t value = random() >> (random() % 64);  // as many of each size
    recorded->record(value);
    all.push_back(value);
  }
  std::sort(all.begin(), all.end());
  for (const double share : {0.0001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const std::uint64_t exact = exact_percentile(all, share);
    const std::uint64_t given = recorded->percentile(share);
    CHECK(given >= exact);
    CHECK(given - exact <= exact / 128);
  }
  CHECK(recorded->percentile(1) == all.back());
  CHECK(recorded->max() == all.back());
}

TEST_CASE("each value is found again within the error, at the ends of each counter") {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t value : {power - 1, power, power + 1}) {
      const auto one = std::make_unique<histogram>();
      one->record(value);
      one->record(std::numeric_limits<std::uint64_t>::max());
      CHECK(one->percentile(0.5) >= value);
      CHECK(one->percentile(0.5) - value <= value / 128);
      CHECK(one->max() == std::numeric_limits<std::uint64_t>::max());
    }
  }
}

TEST_CASE("a percentile asks for no more values than its share") {
  const auto thousand = std::make_unique<histogram>();
  for (int i = 0; i < 999; ++i) thousand->record(10);
  thousand->record(200);
  CHECK(thousand->percentile(0.999) == 10);
  CHECK(thousand->percentile(0.9991) == 200);
  CHECK(thousand->percentile(1) == 200);
}

TEST_CASE("no percentile is above the largest value") {
  const auto one = std::make_unique<histogram>();
  one->record(1'000'001);
  CHECK(one->percentile(0.5) == 1'000'001);
}
