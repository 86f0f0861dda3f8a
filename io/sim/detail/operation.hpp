// An operation that a simulated kernel was given and has not answered.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>

#include <ringmill/io/sim/detail/object.hpp>

namespace ringmill::sim::detail {

class operation {
 public:
  explicit operation(const io_uring_sqe& asked) noexcept : entry(asked) {}

  std::shared_ptr<object> target;
  std::shared_ptr<object> source;  ///< of a splice
  std::size_t moved = 0;           ///< bytes, by earlier tries
  bool is_waiting = false;         ///< for its target to change; else it is about to be tried
  __extension__ io_uring_sqe entry;  // its end is an array of no size, for which there is a warning
};

/// A completion that has not been put into the array.
class answer {
 public:
  std::uint64_t user_data;
  std::int32_t result;
  std::uint32_t flags;
};

}  // namespace ringmill::sim::detail
