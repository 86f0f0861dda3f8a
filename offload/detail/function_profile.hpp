// How long a function usually runs: what decides how many calls of it a worker is given at once.
#pragma once

#include <cstdint>
#include <unordered_map>

#include <ringmill/offload/registry.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::detail {

/// Believes a long run at once, and short ones only gradually. It hears the workers' word: one that lies gets more
/// calls or fewer, nothing else.
class function_profile {
 public:
  void record(std::uint32_t nanoseconds) noexcept {
    if (runs_ < enough) ++runs_;
    const std::uint32_t faded = typical_ - typical_ / 8;
    typical_ = nanoseconds > typical_ ? nanoseconds : faded + nanoseconds / 8;
  }
  bool is_known() const noexcept { return runs_ == enough; }
  duration typical() const noexcept { return duration(typical_); }

 private:
  static constexpr std::uint8_t enough = 4;
  std::uint32_t typical_ = 0;
  std::uint8_t runs_ = 0;
};

/// Of each function that was called. They stay where they are.
class function_profiles {
 public:
  function_profile& operator[](function_id function) {
    if (!last_ || last_id_ != function) {
      last_ = &all_[function];
      last_id_ = function;
    }
    return *last_;
  }

 private:
  std::unordered_map<function_id, function_profile> all_;
  function_profile* last_ = nullptr;  ///< mostly it is the same again
  function_id last_id_ = 0;
};

}  // namespace ringmill::detail
