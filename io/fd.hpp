// An owned descriptor, which knows what is in flight on it.
#pragma once

#include <cstdint>
#include <utility>

#include <ringmill/io/detail/op_list.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill {

class io_op;
class ring;

/// Closes what it owns when it dies. Operations that are in flight on it then, awaited by other tasks, are cancelled
/// and waited for first: closing a descriptor would not end them, and their bytes would land in somebody's memory. Who
/// awaits such an operation gets std::errc::operation_canceled.
///
/// Belongs to the loop that first used it. Must not be moved while an operation on it is in flight (checked).
class RINGMILL_API fd {
 public:
  fd() noexcept = default;
  /// Takes `number` over; -1 for none.
  explicit fd(int number) noexcept : number_(number) {}
  fd(fd&& other) noexcept { take(other); }
  fd& operator=(fd&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~fd() { reset(); }

  int number() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }
  /// Operations on it that have not ended.
  unsigned in_flight() const noexcept { return in_flight_; }

  /// Ends what is in flight on it, as closing does: cancels it and blocks the loop until all of it has ended.
  void end_in_flight() noexcept;
  /// Gives it away. Nothing may be in flight.
  int release() noexcept;
  /// Closes what it owns, as said above, through the thread's ring if there is one, and takes `number` over. Blocks the
  /// loop until what was in flight has ended, a matter of microseconds for all but a few operations on files.
  void reset(int number = -1) noexcept;

 private:
  friend class ring;
  friend class io_op;

  void take(fd& other) noexcept;
  /// An operation begins. Throws std::logic_error if this belongs to another loop, or is being closed, and
  /// std::system_error if it is closed.
  void begin(std::uint16_t loop_id);
  void end() noexcept { --in_flight_; }

  int number_ = -1;
  std::uint16_t in_flight_ : 15 = 0;
  std::uint16_t closing_ : 1 = false;
  std::uint16_t loop_id_ = 0;  ///< of the loop that it belongs to; 0: none has used it yet
  detail::op_set submitted_;   ///< those of its operations that the kernel has, and was not asked to cancel
};

}  // namespace ringmill
