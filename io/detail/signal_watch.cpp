#include <ringmill/io/detail/signal_watch.hpp>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <ringmill/io/ring.hpp>

namespace ringmill::detail {

signal_watch::blocked::blocked(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : signals) sigaddset(&set, number);
  descriptor_ = fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor_) throw std::system_error(errno, std::generic_category(), "signalfd");
  pthread_sigmask(SIG_BLOCK, &set, &before_);
}

signal_watch::blocked::~blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

signal_watch::signal_watch(std::initializer_list<int> signals, function on_signal)
    : signal_watch(std::make_unique<blocked>(signals), std::move(on_signal)) {}

signal_watch::signal_watch(std::unique_ptr<blocked> signals, function on_signal)
    : poll_op(signals->descriptor(), POLLIN), signals_(std::move(signals)), on_signal_(std::move(on_signal)) {
  start_in_background();
}

signal_watch::~signal_watch() {
  if (is_in_flight()) owner().cancel_and_wait(*this);
}

void signal_watch::take_pending() {
  signalfd_siginfo info{};
  while (::read(signals_->descriptor(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    on_signal_(static_cast<int>(info.ssi_signo));
  }
}

void signal_watch::completed(std::int32_t result, std::uint32_t, bool) noexcept {
  if (result < 0) return;
  take_pending();
  resubmit();
}

}  // namespace ringmill::detail
