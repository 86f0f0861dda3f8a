#include <ringmill/io/run.hpp>

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <system_error>

#include <ringmill/io/ops.hpp>

namespace ringmill::detail {

namespace {
constinit int last_signal = 0;
}

/// Reads a signalfd in the background.
class interrupt_scope::watch final : public poll_op {
 public:
  static std::unique_ptr<watch> make() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    const int descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
    auto made = std::make_unique<watch>(descriptor, before);
    made->start_in_background();
    return made;
  }

  watch(int descriptor, const sigset_t& before) noexcept
      : poll_op(descriptor, 1 /* POLLIN */), descriptor_(descriptor), before_(before) {}
  ~watch() {
    if (is_in_flight()) owner().cancel_and_wait(*this);
    descriptor_.reset();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  int received() const noexcept { return received_; }

 private:
  void completed(std::int32_t result, std::uint32_t, bool) noexcept override {
    if (result < 0) return;
    signalfd_siginfo info{};
    while (::read(descriptor_.number(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      const int number = static_cast<int>(info.ssi_signo);
      if (received_ != 0) _exit(128 + number);
      received_ = last_signal = number;
      current_loop->cancel_root();
    }
    resubmit();
  }

  fd descriptor_;
  sigset_t before_;
  int received_ = 0;
};

interrupt_scope::interrupt_scope() : watch_(watch::make()) { last_signal = 0; }
interrupt_scope::~interrupt_scope() = default;
int interrupt_scope::signal() const noexcept { return watch_->received(); }

int run_to_exit_code(const std::function<int()>& body) noexcept {
  try {
    return body();
  } catch (const operation_cancelled&) {
    return last_signal != 0 ? 128 + last_signal : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "error: of an unknown type\n");
  }
  return 1;
}

}  // namespace ringmill::detail
