// Signals that are read from a descriptor instead of being delivered.
#pragma once

#include <signal.h>

#include <initializer_list>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/kernel_calls.hpp>

namespace ringmill::detail {

/// While it lives, `signals` are blocked on this thread and can be taken one by one. Several may block the same signal
/// and end in any order: it stays blocked until the last has gone, and beyond if it was before the first.
class blocked_signals {
 public:
  /// Throws std::system_error.
  explicit blocked_signals(std::initializer_list<int> signals);
  /// What is still pending then takes the course that it would have taken.
  ~blocked_signals();
  blocked_signals(const blocked_signals&) = delete;
  blocked_signals& operator=(const blocked_signals&) = delete;

  /// A signalfd(2): readable while one is pending.
  fd& descriptor() noexcept { return descriptor_; }
  const sigset_t& set() const noexcept { return set_; }
  /// The number of a pending one, the lowest first, which is pending no longer; 0 if there is none.
  int take() noexcept;

 private:
  process_calls& calls_;
  sigset_t set_;
  fd descriptor_;
};

}  // namespace ringmill::detail
