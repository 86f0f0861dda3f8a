// Signals as completions of the ring: a signalfd that is read in the background.
#pragma once

#include <initializer_list>

#include <ringmill/io/detail/blocked_signals.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>

namespace ringmill::detail {

/// While it lives, `signals` are blocked on this thread and each that comes calls `on_signal(number)` on the loop. It
/// may wake and cancel tasks, and must not throw. Does not hide a deadlock.
class signal_watch final : private poll_op {
 public:
  using function = std::function<void(int number)>;
  /// Throws std::system_error, and std::logic_error without a ring.
  signal_watch(std::initializer_list<int> signals, function on_signal);
  ~signal_watch() override;  ///< what is still pending then is delivered the old way

  /// Takes in what is pending now.
  void take_pending();

 private:
  signal_watch(std::unique_ptr<blocked_signals> signals, function on_signal);
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;

  std::unique_ptr<blocked_signals> signals_;
  function on_signal_;
};

}  // namespace ringmill::detail
