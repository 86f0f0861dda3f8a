#include <ringmill/io/signals.hpp>

#include <poll.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include <ringmill/io/detail/blocked_signals.hpp>
#include <ringmill/runtime/task_writer.hpp>

namespace ringmill {

namespace {

bool can_be_awaited(int number) noexcept {
  if (number < 1 || number > SIGRTMAX || (number > SIGSYS && number < SIGRTMIN)) return false;
  for (const int refused : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    if (number == refused) return false;
  }
  return true;
}

/// "SIGHUP", "SIG40"
std::string name_of(int number) {
  const char* const name = sigabbrev_np(number);
  return "SIG" + (name ? std::string(name) : std::to_string(number));
}

}  // namespace

signal_set::signal_set(std::initializer_list<int> signals) {
  if (signals.size() == 0) throw std::invalid_argument("signal_set: without a signal there is nothing to wait for");
  for (const int number : signals) {
    if (!can_be_awaited(number)) {
      throw std::invalid_argument("signal_set: " + name_of(number) + " cannot be awaited");
    }
  }
  signals_ = std::make_unique<detail::blocked_signals>(signals);
}

signal_set::~signal_set() = default;
signal_set::signal_set(signal_set&& other) noexcept = default;
signal_set& signal_set::operator=(signal_set&& other) noexcept = default;

signal_set::next_awaiter signal_set::next() noexcept { return next_awaiter(*signals_); }

signal_set::next_awaiter::next_awaiter(detail::blocked_signals& from) noexcept
    : poll_op(from.descriptor(), POLLIN), from_(&from) {}

bool signal_set::next_awaiter::await_ready() noexcept {
  number_ = from_->take();
  return number_ != 0;
}

void signal_set::next_awaiter::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (result >= 0) {
    number_ = from_->take();
    if (number_ == 0) {  // another task was faster
      if (resubmit()) return;
      result = -ECANCELED;
    }
  }
  poll_op::completed(result, flags, more);
}

int signal_set::next_awaiter::await_resume() const {
  if (number_ == 0) result_or_throw("wait for a signal");
  return number_;
}

void signal_set::next_awaiter::describe(task_writer& out) const {
  std::string text = "a signal of";
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (sigismember(&from_->set(), number) == 1) text += " " + name_of(number);
  }
  out.text(text);
}

}  // namespace ringmill
