// Drives an awaiter by hand, without a coroutine: so a test sees each grant and each cancel at the call that causes it.
#pragma once

#include <utility>

#include <ringmill/runtime/awaiter.hpp>

#include "by_seed.hpp"

namespace support {

/// Starts its awaiter when it is made, inside of a running loop. Must stay where it is until the loop has had a turn
/// after `has_ended()`, see `may_go`.
template <ringmill::awaiter Awaiter>
class probe : private ringmill::callback_waiter {
 public:
  explicit probe(Awaiter what) : callback_waiter([](callback_waiter&) noexcept {}), awaiter_(std::move(what)) {
    seeded_case::without_harm();  // nothing would take it back before its test unwinds
    ended_at_once_ = awaiter_.await_ready() || !awaiter_.await_suspend(*this);
  }

  /// It waits no longer: it has its result, or was woken after a cancel.
  bool has_ended() const noexcept { return ended_at_once_ || stopped_ || woken(); }
  /// It has ended with a result.
  bool is_granted() const noexcept { return ended_at_once_ || (!stopped_ && woken() && awaiter_.await_must_resume()); }
  /// Nothing refers to it.
  bool may_go() const noexcept { return has_ended() && !is_woken(); }

  /// Only while it waits, and once.
  void cancel() noexcept { stopped_ = awaiter_.await_cancel(ringmill::cancel_reason("by a test")).is_done(); }

  decltype(auto) result() { return awaiter_.await_resume(); }

 private:
  bool woken() const noexcept {
    if (is_woken()) was_woken_ = true;
    return was_woken_;
  }

  Awaiter awaiter_;
  bool ended_at_once_ = false;
  bool stopped_ = false;
  mutable bool was_woken_ = false;
};

}  // namespace support
