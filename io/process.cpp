#include <ringmill/io/process.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/detail/spawn.hpp>
#include <ringmill/io/readiness.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/task_writer.hpp>
#include <ringmill/runtime/timeout.hpp>

namespace ringmill {

namespace {

/// A standard stream as it is set up: the child's number for it, what has to stay open until the child is there, and
/// the parent's end of a pipe.
class stream {
 public:
  stream(const std::optional<redirection>& asked, int place) : number(place) {
    const redirection where = asked.value_or(redirection::inherit());
    switch (where.what()) {
      case redirection::kind::inherit:
        return;
      case redirection::kind::null:
        theirs_ =
            fd(detail::or_throw(detail::files().open(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null"));
        number = theirs_.number();
        return;
      case redirection::kind::pipe:
        make_pipe(place == STDIN_FILENO);
        number = theirs_.number();
        return;
      case redirection::kind::descriptor:
        if (where.number() < 0) throw std::invalid_argument("redirection::descriptor: there is none with this number");
        number = where.number();
        return;
      case redirection::kind::standard_output:
        if (place != STDERR_FILENO) {
          throw std::invalid_argument("redirection::to_standard_output: for standard error only");
        }
        number = child_streams::as_output;
        return;
    }
  }

  int number;
  fd ours;

 private:
  void make_pipe(bool is_input) {
    std::array<int, 2> ends{};
    detail::or_throw(detail::files().pipe(ends.data()), "pipe for a child");
    ours = fd(ends[is_input ? 1 : 0]);
    theirs_ = fd(ends[is_input ? 0 : 1]);
  }

  fd theirs_;
};

exit_status status_of(const siginfo_t& ended) noexcept {
  if (ended.si_code == CLD_EXITED) return exit_status::exited(ended.si_status);
  return exit_status::killed(ended.si_status, ended.si_code == CLD_DUMPED);
}

void log_left_child(int id, int kill_error) noexcept {
  try {
    const std::string why = kill_error ? std::generic_category().message(kill_error) : "it has not ended";
    log(log_level::warning, "process " + std::to_string(id) + " could not be killed with its handle: " + why +
                                "; it is left to run, and reaped later");
  } catch (const std::bad_alloc&) {
    log(log_level::warning, "a process could not be killed with its handle; it is left to run, and reaped later");
  }
}

template <class Pipe>
Pipe& checked(Pipe& pipe, const char* name) {
  if (!pipe) {
    throw std::logic_error(std::string("process: ") + name +
                           " is no pipe, or is closed: ask for redirection::pipe() in the process_options");
  }
  return pipe;
}

}  // namespace

std::string exit_status::to_string() const {
  if (signal_ == 0) return "exited with " + std::to_string(code_);
  const char* const name = sigabbrev_np(signal_);
  const std::string text = "killed by SIG" + (name ? std::string(name) : std::to_string(signal_));
  return dumped_core_ ? text + ", core dumped" : text;
}

process process::spawn(const process_options& options) {
  stream input(options.standard_input(), STDIN_FILENO);
  stream output(options.standard_output(), STDOUT_FILENO);
  stream error(options.standard_error(), STDERR_FILENO);
  const child_streams streams{.input = input.number, .output = output.number, .error = error.number};
  detail::spawned made = detail::spawn(options, streams);
  process child;
  child.id_ = made.id;
  child.has_group_ = options.own_group() != process_options::group::inherited;
  child.handle_ = std::move(made.handle);
  child.input_ = pipe_writer(std::move(input.ours));
  child.output_ = pipe_reader(std::move(output.ours));
  child.error_ = pipe_reader(std::move(error.ours));
  return child;
}

process::process(process&& other) noexcept = default;

process& process::operator=(process&& other) noexcept {
  if (this == &other) return *this;
  end();
  id_ = other.id_;
  has_group_ = other.has_group_;
  handle_ = std::move(other.handle_);
  status_ = other.status_;
  input_ = std::move(other.input_);
  output_ = std::move(other.output_);
  error_ = std::move(other.error_);
  return *this;
}

process::~process() { end(); }

/// Kills what is left of it, reaps it if it dies, and ends who waits for it.
void process::end() noexcept {
  if (!handle_) return;
  const int error = status_ ? 0 : send(SIGKILL);
  if (!status_ && error == 0) detail::processes().wait_a_second(handle_.number());
  handle_.end_in_flight();
  const bool runs_on = take_status() == -EAGAIN;
  end_group();
  if (runs_on) {
    log_left_child(id_, -error);
    detail::processes().leave(handle_.release());
  }
  handle_.reset();
}

pipe_writer& process::standard_input() { return checked(input_, "standard input"); }
pipe_reader& process::standard_output() { return checked(output_, "standard output"); }
pipe_reader& process::standard_error() { return checked(error_, "standard error"); }

void process::kill(int signal) {
  const int result = send(signal);
  if (result == -ESRCH) return;
  detail::or_throw(result, "send signal " + std::to_string(signal) + " to process " + std::to_string(id_));
}

/// Gives 0 or a negated errno.
int process::send(int signal) const noexcept {
  if (!handle_ || (status_ && !has_group_)) return -ESRCH;
  process_calls& calls = detail::processes();
  if (!has_group_) return calls.send_signal(handle_.number(), signal);
  // As long as the leader was not reaped, be it dead, its number is no one else's, and neither is that of its group.
  if (calls.send_signal(handle_.number(), 0) == -ESRCH) return -ESRCH;
  const int result = calls.send_group_signal(id_, signal);
  const bool has_left = calls.group_of(id_) != id_;  // by setpgid(2)
  return has_left ? calls.send_signal(handle_.number(), signal) : result;
}

/// Takes the exit status, if the kernel has it. Gives 0, or -EAGAIN if it runs still, or another negated errno.
int process::take_status() noexcept {
  if (status_) return 0;
  siginfo_t ended{};
  const int result = detail::processes().wait(handle_.number(), WNOHANG | (has_group_ ? WNOWAIT : 0), ended);
  if (result < 0) return result;
  if (ended.si_pid == 0) return -EAGAIN;
  status_ = status_of(ended);
  return 0;
}

/// Kills what is left of a group of its own, and reaps the leader, if it is dead: the last that may be done to that
/// group.
void process::end_group() noexcept {
  if (!has_group_) return;
  send(SIGKILL);
  has_group_ = false;
  siginfo_t ended{};
  detail::processes().wait(handle_.number(), WNOHANG, ended);
}

process::wait_awaiter process::wait() noexcept { return wait_awaiter(*this); }

task<exit_status> process::terminate(duration grace) {
  if (!status_) {
    kill(SIGTERM);
    co_await move_on_after(grace, readable(handle_));
    kill(SIGKILL);
  }
  const exit_status ended = co_await wait();
  end_group();
  co_return ended;
}

process::wait_awaiter::wait_awaiter(process& child) noexcept
    : poll_op(child.handle_, POLLIN), child_(&child), id_(child.id_) {}

bool process::wait_awaiter::await_ready() noexcept {
  status_ = child_->status_;
  return status_.has_value();
}

void process::wait_awaiter::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  if (result >= 0) {
    result = child_->take_status();
    // A debugger holds its end back.
    if (result == -EAGAIN) {
      if (retry_later()) return;
      result = -ECANCELED;
    }
    status_ = child_->status_;
  }
  poll_op::completed(result, flags, more);
}

exit_status process::wait_awaiter::await_resume() const {
  if (!status_) throw std::system_error(-result(), std::generic_category(), "wait for process " + std::to_string(id_));
  return *status_;
}

void process::wait_awaiter::describe(task_writer& out) const { out.text("the end of process " + std::to_string(id_)); }

}  // namespace ringmill
