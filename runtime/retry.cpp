#include <ringmill/runtime/retry.hpp>

#include <algorithm>
#include <random>

#include <ringmill/runtime/loop.hpp>

namespace ringmill::detail {

/// Draws the numbers that the delays are multiplied by.
class retry_delays::jitter {
 public:
  explicit jitter(const retry_policy& policy)
      : part_(policy.jitter()), random_(policy.seed() ? *policy.seed() : loop::current().below().random()) {}

  /// The standard's distributions differ from library to library; the top 53 bits of this engine do not.
  double next() {
    const double from_0_to_1 = static_cast<double>(random_() >> 11) * 0x1.0p-53;
    return 1 - part_ + 2 * part_ * from_0_to_1;
  }

 private:
  double part_;
  std::mt19937_64 random_;
};

retry_delays::retry_delays(const retry_policy& policy)
    : delay_(static_cast<double>(policy.first_delay().count())),
      factor_(policy.factor()),
      largest_(static_cast<double>(policy.largest_delay().count())),
      jitter_(policy.jitter() > 0 ? new jitter(policy) : nullptr) {}

retry_delays::~retry_delays() = default;

duration retry_delays::next() {
  const double plain = std::min(delay_, largest_);
  delay_ = std::min(delay_ * factor_, largest_);
  return saturating_duration(std::chrono::duration<double, std::nano>(jitter_ ? plain * jitter_->next() : plain));
}

}  // namespace ringmill::detail
