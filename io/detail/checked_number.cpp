#include <ringmill/io/detail/checked_number.hpp>

#include <stdexcept>
#include <string>

namespace ringmill::detail {

int checked_number(const char* who, long long value, int least, int most, const char* what) {
  if (value >= least && value <= most) return static_cast<int>(value);
  throw std::invalid_argument(std::string(who) + ": " + std::to_string(value) + " is no " + what + ": " +
                              std::to_string(least) + " to " + std::to_string(most));
}

}  // namespace ringmill::detail
