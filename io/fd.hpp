// An owned descriptor.
#pragma once

#include <utility>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// Closes what it owns when it dies. Operations on it must have ended by then: closing a descriptor does not end a
/// receive that is in flight on it, so whoever awaits an operation outlives it, and cancels it first.
class RINGMILL_API fd {
 public:
  fd() noexcept = default;
  /// Takes `number` over; -1 for none.
  explicit fd(int number) noexcept : number_(number) {}
  fd(fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  fd& operator=(fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.number_, -1));
    return *this;
  }
  ~fd() { reset(); }

  int number() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }
  /// Gives it away.
  int release() noexcept { return std::exchange(number_, -1); }
  /// Closes what it owns, through the thread's ring if there is one, and takes `number` over.
  void reset(int number = -1) noexcept;

 private:
  int number_ = -1;
};

}  // namespace ringmill
