// Child processes: other programs, started, talked to and waited for.
//
//   rm::process_options options("sort");
//   options.standard_input(rm::redirection::pipe()).standard_output(rm::redirection::pipe());
//   rm::process child = rm::process::spawn(options);
//   co_await child.standard_input().write_all("b\na\n");
//   child.standard_input().close();
//   const std::size_t n = co_await child.standard_output().read_some(buffer);
//   const rm::exit_status status = co_await child.wait();
//
// To run one to its end and have its output, run_process is shorter (io/run_process.hpp).
//
// Not for a program that ignores SIGCHLD or waits for children that it did not start (wait(2)): it takes the exit
// status away, and `wait` then throws std::errc::no_child_process.
#pragma once

#include <optional>
#include <string>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/ops.hpp>
#include <ringmill/io/pipe.hpp>
#include <ringmill/io/process_options.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

/// How a process ended.
class RINGMILL_API exit_status {
 public:
  static exit_status exited(int code) noexcept { return exit_status(code, 0, false); }
  static exit_status killed(int signal, bool dumped_core) noexcept { return exit_status(0, signal, dumped_core); }

  /// It exited by itself, with 0.
  bool is_success() const noexcept { return signal_ == 0 && code_ == 0; }
  /// What it gave to exit(3); nothing if it was killed.
  std::optional<int> code() const noexcept { return signal_ == 0 ? std::optional(code_) : std::nullopt; }
  /// The signal that killed it; nothing if it exited by itself.
  std::optional<int> signal() const noexcept { return signal_ != 0 ? std::optional(signal_) : std::nullopt; }
  bool dumped_core() const noexcept { return dumped_core_; }
  /// As a shell puts it: the code, or 128 and the signal.
  int shell_code() const noexcept { return signal_ == 0 ? code_ : 128 + signal_; }
  /// "exited with 1", "killed by SIGSEGV, core dumped"
  std::string to_string() const;

  bool operator==(const exit_status&) const noexcept = default;

 private:
  exit_status(int code, int signal, bool dumped_core) noexcept
      : code_(code), signal_(signal), dumped_core_(dumped_core) {}
  int code_;
  int signal_;
  bool dumped_core_;
};

/// A child. Move-only; must not move while an operation on it is in flight. Its death ends those that other tasks
/// await, but `terminate` it must outlive.
///
/// Whoever holds it is responsible for it, and for the group that it leads if it was given one of its own. Destroyed,
/// it sends SIGKILL to a child that runs, and to what is left of its group whether the child runs or not; and it waits
/// for the child's end, so that neither an orphan nor a zombie is left. That blocks the loop, for a millisecond or for
/// as long as the kernel takes to free the child's memory; `terminate` does not.
///
/// A child that may not be killed, because it has become another user (sudo(8)), or that has not ended a second after
/// its SIGKILL (it hangs in a network file system, or a debugger holds it), is left to run, and the log says so
/// (runtime/log.hpp). Once it has ended, the next `spawn` or end of a `process` reaps it.
///
/// The number of a group is nobody else's until its leader has been reaped. So a child with a group of its own stays a
/// zombie from its death to the end of `terminate` or of its handle: no signal goes to strangers.
class RINGMILL_API process {
 public:
  class [[nodiscard]] wait_awaiter;

  /// Starts a program. Throws std::system_error, which names it, when it cannot be started (std::errc::
  /// no_such_file_or_directory and so on); std::invalid_argument for options that make no sense. Does not suspend;
  /// blocks the loop until the program has been loaded, most often less than a millisecond.
  static process spawn(const process_options& options);

  process(process&& other) noexcept;
  process& operator=(process&& other) noexcept;
  ~process();

  /// The process number, for people and logs. It is another process's some time after this one was waited for.
  int id() const noexcept { return id_; }

  // The streams that redirection::pipe() was asked for; throw std::logic_error for another. What reads gets the end
  // when the child, and whatever it has started with this stream, has closed it or has ended.
  pipe_writer& standard_input();
  pipe_reader& standard_output();
  pipe_reader& standard_error();

  /// co_await it: gives how the child ended, when it has; as often as asked, by as many tasks as want to know. A child
  /// that writes more to a pipe than that holds (64 KiB) ends only if someone reads it. Cancelling it leaves the child
  /// alone. Throws std::system_error; std::errc::operation_canceled if the handle was destroyed meanwhile.
  wait_awaiter wait() noexcept;
  /// How it ended, if a `wait` or `terminate` knows.
  const std::optional<exit_status>& status() const noexcept { return status_; }

  /// Sends a signal to it, or to all of its group if it has one of its own, also after its own end. Nothing happens if
  /// there is none of them left: never is another process hit that got the same number. Throws std::system_error. Does
  /// not suspend.
  void kill(int signal);
  /// co_await it: SIGTERM; SIGKILL if that does not end it within `grace`; then gives how it ended. What is left of its
  /// own group at its end, if it has one, gets SIGKILL too, whoever else waits for it or did so before. Cancelled
  /// meanwhile it leaves the rest to the destructor.
  task<exit_status> terminate(duration grace = std::chrono::seconds(5));

 private:
  process() noexcept = default;
  void end() noexcept;
  int send(int signal) const noexcept;
  int take_status() noexcept;
  void end_group() noexcept;

  int id_ = -1;
  bool has_group_ = false;  ///< of its own, to be killed: its leader is not reaped before
  fd handle_;               ///< a pidfd
  std::optional<exit_status> status_;
  pipe_writer input_;
  pipe_reader output_;
  pipe_reader error_;
};

class RINGMILL_API process::wait_awaiter : public poll_op {
 public:
  explicit wait_awaiter(process& child) noexcept;
  bool await_ready() noexcept;
  exit_status await_resume() const;

 private:
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;

  process* child_;
  int id_;
  std::optional<exit_status> status_;
};

}  // namespace ringmill
