#include <ringmill/io/detail/blocked_signals.hpp>

#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace ringmill::detail {

namespace {

/// How often a signal is blocked on this thread by objects of this class.
class block_count {
 public:
  unsigned holders = 0;
  bool was_blocked = false;  ///< before the first of them
};

constinit thread_local std::array<block_count, _NSIG> block_counts{};

}  // namespace

blocked_signals::blocked_signals(std::initializer_list<int> signals) {
  sigemptyset(&set_);
  for (const int number : signals) sigaddset(&set_, number);
  descriptor_ = fd(signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor_) throw std::system_error(errno, std::generic_category(), "signalfd");
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &set_, &before);
  for (int number = 1; number < _NSIG; ++number) {
    if (sigismember(&set_, number) != 1) continue;
    block_count& count = block_counts[static_cast<std::size_t>(number)];
    if (count.holders++ == 0) count.was_blocked = sigismember(&before, number) == 1;
  }
}

blocked_signals::~blocked_signals() {
  descriptor_.reset();  // and what waits for it
  sigset_t unblocked;
  sigemptyset(&unblocked);
  for (int number = 1; number < _NSIG; ++number) {
    if (sigismember(&set_, number) != 1) continue;
    block_count& count = block_counts[static_cast<std::size_t>(number)];
    if (--count.holders == 0 && !count.was_blocked) sigaddset(&unblocked, number);
  }
  pthread_sigmask(SIG_UNBLOCK, &unblocked, nullptr);
}

int blocked_signals::take() noexcept {
  signalfd_siginfo info{};
  const ssize_t got = ::read(descriptor_.number(), &info, sizeof info);
  return got == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace ringmill::detail
