// Echo, by hand.
#pragma once

#include "ring_server.hpp"

namespace limits {

class same_bytes {
 public:
  std::span<const char> operator()(std::span<const char> data) noexcept { return data; }
};

using echo_server = ring_server<same_bytes>;

}  // namespace limits
