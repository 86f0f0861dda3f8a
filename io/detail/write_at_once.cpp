#include <ringmill/io/detail/write_at_once.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include <ringmill/io/detail/op_text.hpp>

namespace ringmill::detail {

namespace {

/// While it lives, this thread gets no SIGPIPE, and what came is taken away: one that was pending before stays.
class held_sigpipe {
 public:
  held_sigpipe() noexcept {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  held_sigpipe(const held_sigpipe&) = delete;
  held_sigpipe& operator=(const held_sigpipe&) = delete;
  ~held_sigpipe() {
    const timespec at_once{};
    while (!was_pending_ && sigtimedwait(&signals_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t signals_;
  sigset_t before_;
  bool was_pending_;
};

std::int32_t outcome(ssize_t written) noexcept {
  if (written >= 0) return static_cast<std::int32_t>(written);
  return errno == EINTR ? -EAGAIN : -errno;
}

}  // namespace

std::int32_t write_at_once(int sink, std::span<const std::byte> data) noexcept {
  const iovec part{const_cast<std::byte*>(data.data()), entry_length(data.size())};
  struct stat what;
  if (::fstat(sink, &what) < 0) return -errno;
  if (S_ISREG(what.st_mode) || S_ISBLK(what.st_mode)) return -EOPNOTSUPP;
  if (S_ISSOCK(what.st_mode)) {
    return outcome(::send(sink, part.iov_base, part.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  const int flags = ::fcntl(sink, F_GETFL);
  if (flags < 0) return -errno;
  const held_sigpipe held;
  const bool is_nonblocking = (flags & O_NONBLOCK) != 0;
  return outcome(is_nonblocking ? ::write(sink, part.iov_base, part.iov_len)
                                : ::pwritev2(sink, &part, 1, -1, RWF_NOWAIT));
}

}  // namespace ringmill::detail
