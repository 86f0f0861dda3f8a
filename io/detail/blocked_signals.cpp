#include <ringmill/io/detail/blocked_signals.hpp>

#include <ringmill/io/detail/calls.hpp>

namespace ringmill::detail {

blocked_signals::blocked_signals(std::initializer_list<int> signals) : calls_(processes()) {
  sigemptyset(&set_);
  for (const int number : signals) sigaddset(&set_, number);
  descriptor_ = fd(or_throw(calls_.watch_signals(set_), "signalfd"));
}

blocked_signals::~blocked_signals() {
  descriptor_.reset();  // and what waits for it
  calls_.unwatch_signals(set_);
}

int blocked_signals::take() noexcept { return calls_.take_signal(descriptor_.number()); }

}  // namespace ringmill::detail
