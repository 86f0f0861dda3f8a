#include <ringmill/offload/detail/fault_point.hpp>
#include <ringmill/offload/detail/stderr_pipe.hpp>

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill::detail {

class stderr_pipe::input_watch final : public poll_op {
 public:
  explicit input_watch(stderr_pipe& pipe) : poll_op(pipe.read_end_.number(), POLLIN), pipe_(pipe) {
    start_in_background();
  }
  ~input_watch() override {
    if (is_in_flight()) owner().cancel_and_wait(*this);
  }

 private:
  void completed(std::int32_t result, std::uint32_t, bool) noexcept override {
    constexpr std::size_t at_once = 64 * 1024;  // then the loop has its turn
    if (result != -ECANCELED && pipe_.read_some(at_once)) resubmit();
  }
  stderr_pipe& pipe_;
};

stderr_pipe::stderr_pipe(const stderr_sink& sink) : sink_(sink) {
  int ends[2];
  or_throw(RINGMILL_SHORTAGE_POINT("pipe") ? -errno : files().pipe(ends), "a pipe for a worker's standard error");
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
  or_throw(ipc().set_non_blocking(ends[0]), "a pipe for a worker's standard error");
}

stderr_pipe::~stderr_pipe() = default;

void stderr_pipe::watch() { watch_ = std::make_unique<input_watch>(*this); }

/// False at the end: nobody is left who could write.
bool stderr_pipe::read_some(std::size_t most) noexcept {
  char buffer[4096];
  for (std::size_t total = 0; total < most;) {
    const int got = ipc().read_at_once(read_end_.number(), buffer, sizeof buffer);
    if (got <= 0) return got == -EAGAIN;
    pass_on({buffer, static_cast<std::size_t>(got)});
    total += static_cast<std::size_t>(got);
  }
  return true;
}

void stderr_pipe::pass_on(std::string_view text) noexcept {
  try {
    if (kept_.size() + text.size() > 2 * most_kept) kept_.erase(0, kept_.size() + text.size() - most_kept);
    kept_ += text;
  } catch (const std::bad_alloc&) {
    kept_.clear();
  }
  if (sink_) return sink_(worker_, text);
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;  // nobody wants it
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string stderr_pipe::finish() noexcept {
  watch_.reset();
  constexpr std::size_t all = std::size_t{1} << 20;  // a process that the worker has left behind may write for ever
  read_some(all);
  if (kept_.size() > most_kept) kept_.erase(0, kept_.size() - most_kept);
  return std::move(kept_);
}

}  // namespace ringmill::detail
