// The options that simulated sockets have, and what becomes of the values that are set: socket(7), tcp(7), ip(7),
// ipv6(7), udp(7).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace ringmill::sim::detail {

class socket_option {
 public:
  enum class kind : unsigned char {
    flag,         ///< any number but 0 is 1
    number,       ///< of a range
    buffer_size,  ///< twice what is asked for, within the system's limits
    bytes         ///< a structure
  };

  int level;
  int option;
  kind what;
  int otherwise = 0;  ///< while it is not set
  int least = 0;
  int most = 0;

  /// Gives what is kept of `value`, or a negated errno.
  int convert(std::span<const std::byte> value, std::vector<std::byte>& kept) const;
};

/// Null: there is none of that number.
const socket_option* find_socket_option(int level, int option) noexcept;

std::vector<std::byte> bytes_of(int value);

}  // namespace ringmill::sim::detail
