#include <ringmill/io/detail/signal_watch.hpp>

#include <poll.h>

#include <utility>

#include <ringmill/io/ring.hpp>

namespace ringmill::detail {

signal_watch::signal_watch(std::initializer_list<int> signals, function on_signal)
    : signal_watch(std::make_unique<blocked_signals>(signals), std::move(on_signal)) {}

signal_watch::signal_watch(std::unique_ptr<blocked_signals> signals, function on_signal)
    : poll_op(signals->descriptor().number(), POLLIN), signals_(std::move(signals)), on_signal_(std::move(on_signal)) {
  start_in_background();
}

signal_watch::~signal_watch() {
  if (is_in_flight()) owner().cancel_and_wait(*this);
}

void signal_watch::take_pending() {
  while (const int number = signals_->take()) on_signal_(number);
}

void signal_watch::completed(std::int32_t result, std::uint32_t, bool) noexcept {
  if (result < 0) return;
  take_pending();
  resubmit();
}

}  // namespace ringmill::detail
