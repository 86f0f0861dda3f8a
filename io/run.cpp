#include <ringmill/io/run.hpp>

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include <ringmill/io/detail/signal_watch.hpp>

namespace ringmill::detail {

namespace {
constinit int last_signal = 0;
}

class interrupt_scope::watch {
 public:
  watch() : signals_({SIGINT, SIGTERM}, [this](int number) { came(number); }) {}
  int received() const noexcept { return received_; }

 private:
  void came(int number) noexcept {
    if (received_ != 0) _exit(128 + number);
    received_ = last_signal = number;
    this_thread.attached_loop->cancel_root();
  }

  int received_ = 0;
  signal_watch signals_;
};

interrupt_scope::interrupt_scope() : watch_(std::make_unique<watch>()) { last_signal = 0; }
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
