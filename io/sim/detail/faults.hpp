// Which faults happen. Each occasion has a number, kind and index, and whether it is taken follows from these and the
// seed alone: so a run can be repeated with fewer faults than it had, which is how a failure is made smaller.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include <ringmill/io/sim/options.hpp>
#include <ringmill/io/sim/random.hpp>

namespace ringmill::sim::detail {

class fault_source {
 public:
  fault_source(std::uint64_t seed, const options& settings) noexcept : seed_(seed), settings_(settings) {}

  /// An occasion for a fault: does it happen?
  bool happens(fault kind) {
    const auto which = static_cast<std::size_t>(kind);
    const unsigned rate = settings_.rate(kind);
    if (rate == 0 || stopped_) return false;
    const fault_number number(kind, counts_[which]++);
    if (random_source::first_of(draw(number)) % 1000 >= rate) return false;
    if (settings_.is_limited() &&
        std::find(settings_.only().begin(), settings_.only().end(), number) == settings_.only().end()) {
      return false;
    }
    taken_.push_back(number);
    return true;
  }
  /// From here on nothing goes wrong.
  void stop() noexcept { stopped_ = true; }
  bool stopped() const noexcept { return stopped_; }
  const std::vector<fault_number>& taken() const noexcept { return taken_; }

 private:
  std::uint64_t draw(const fault_number& number) const noexcept {
    return mix(mix(seed_ + static_cast<std::uint64_t>(number.kind)) ^ number.index);
  }

  std::uint64_t seed_;
  const options& settings_;
  bool stopped_ = false;
  std::array<std::uint32_t, fault_kinds> counts_{};
  std::vector<fault_number> taken_;
};

}  // namespace ringmill::sim::detail
