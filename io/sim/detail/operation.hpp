// An operation that a simulated kernel was given and has not answered.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <optional>

#include <ringmill/io/sim/detail/object.hpp>

namespace ringmill::sim::detail {

class operation {
 public:
  explicit operation(const io_uring_sqe& asked) noexcept : entry_(asked) {}

  const io_uring_sqe& entry() const noexcept { return *entry_; }

  std::shared_ptr<object> target;
  std::shared_ptr<object> source;  ///< of a splice
  std::size_t moved = 0;           ///< bytes, by earlier tries
  bool has_begun = false;          ///< a connect: the socket knows of it
  std::optional<int> outcome;      ///< it is done, and about to be told
  bool is_waiting = false;         ///< for its target to change; else it is about to be tried

 private:
  std::optional<io_uring_sqe> entry_;  ///< always there; as a member of its own it would give a warning
};

/// A completion that has not been put into the array.
class answer {
 public:
  std::uint64_t user_data;
  std::int32_t result;
  std::uint32_t flags;
};

}  // namespace ringmill::sim::detail
