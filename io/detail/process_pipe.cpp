#include <ringmill/io/detail/process_pipe.hpp>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include <ringmill/io/detail/op_text.hpp>
#include <ringmill/runtime/task_writer.hpp>

namespace ringmill::detail {

namespace {

/// write(2) without SIGPIPE: blocked meanwhile, and taken if it came. Where it is blocked anyway, pending is harmless.
ssize_t write_quietly(int descriptor, std::span<const std::byte> data) noexcept {
  sigset_t broken_pipe;
  sigset_t before;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
  const ssize_t written = ::write(descriptor, data.data(), data.size());
  const int error = errno;
  if (sigismember(&before, SIGPIPE) != 1) {
    const timespec at_once{};
    if (written < 0 && error == EPIPE) sigtimedwait(&broken_pipe, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  errno = error;
  return written;
}

}  // namespace

pipe_write_all_op::pipe_write_all_op(fd& pipe, std::span<const std::byte> data) noexcept
    : poll_op(pipe, POLLOUT), pipe_(pipe.number()), rest_(data) {}

void pipe_write_all_op::await_resume() const {
  if (!rest_.empty()) result_or_throw("write to a child's standard input");
}

void pipe_write_all_op::describe(task_writer& out) const {
  out.text(on_descriptor("write to a child's standard input", pipe_));
}

void pipe_write_all_op::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (result >= 0) {
    result = write_some();
    if (result == 0 && !rest_.empty()) {
      if (resubmit()) return;
      result = -ECANCELED;
    }
  }
  poll_op::completed(result, flags, more);
}

/// What fits in now. Gives 0 or a negated errno.
int pipe_write_all_op::write_some() noexcept {
  const ssize_t written = write_quietly(pipe_, rest_);
  if (written < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  rest_ = rest_.subspan(static_cast<std::size_t>(written));
  return 0;
}

}  // namespace ringmill::detail
