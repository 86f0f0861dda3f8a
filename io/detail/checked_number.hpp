// Numbers that options take, within their bounds.
#pragma once

#include <limits>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

inline constexpr int most_int = std::numeric_limits<int>::max();

/// Gives `value`; throws std::invalid_argument if it is not in [least, most]: "tcp_options: 0 is no number of probes:
/// 1 to 127".
RINGMILL_API int checked_number(const char* who, long long value, int least, int most, const char* what);

}  // namespace ringmill::detail
