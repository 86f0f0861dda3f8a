// When a worker looks for its next call before it sleeps: offload/channel.hpp.
#pragma once

#include <algorithm>

#include <ringmill/runtime/driver.hpp>

namespace ringmill::detail {

/// Looking pays where short calls follow each other closely, and the host has another processor. Beside a long one a
/// wake is nothing, and a worker that never sleeps keeps its processor until its time slice ends, from the host as
/// well: so it is not done then. Where it does not help, it soon costs next to nothing: after each time in vain about
/// twice as many sleeps come without it.
class spin_backoff {
 public:
  static constexpr unsigned most_left_out = 1023;

  /// Asked before each sleep. `ran`: how long the last call took; `look`: how long it would look.
  bool is_due(duration ran, duration look) noexcept {
    if (ran > look) return false;
    if (left_out_ == 0) return true;
    --left_out_;
    return false;
  }
  void has_helped() noexcept { in_vain_ = 0; }
  void was_in_vain() noexcept {
    in_vain_ = std::min(2 * in_vain_ + 1, most_left_out);
    left_out_ = in_vain_;
  }

 private:
  unsigned in_vain_ = 0;   ///< how many sleeps came without a look after the last one in vain
  unsigned left_out_ = 0;  ///< how many are still to come
};

}  // namespace ringmill::detail
