// The child is made by clone(2) as vfork(2) would: it shares the parent's memory, on a stack of its own, and the
// calling thread stands still until it is another program or has given up. So nothing is copied, however large the
// parent is, and the child's errors are found in memory. posix_spawn(3) does the same, but cannot make a pidfd before
// glibc 2.39, nor ask for a parent-death signal.
#include <ringmill/io/detail/spawn.hpp>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/detail/linux_calls.hpp>

namespace ringmill::detail {

namespace {

constexpr int first_free_descriptor = 3;  // behind the standard streams

void refuse_nul(const std::string& text, const char* what) {
  if (text.find('\0') != std::string::npos) {
    throw std::invalid_argument(std::string("process_options: a NUL byte in ") + what);
  }
}

void check(const process_options& options) {
  if (options.program().empty()) throw std::invalid_argument("process_options: no program");
  refuse_nul(options.program(), "the program");
  refuse_nul(options.working_directory(), "the working directory");
  refuse_nul(options.argument_zero(), "argument zero");
  for (const std::string& argument : options.arguments()) refuse_nul(argument, "an argument");
  if (options.parent_death_signal() < 0 || options.parent_death_signal() > SIGRTMAX) {
    throw std::invalid_argument("process_options: the parent-death signal is none");
  }
}

/// Where the program may be, in the order of the tries.
std::vector<std::string> places_of(const std::string& program) {
  if (program.find('/') != std::string::npos) return {program};
  const char* const path = std::getenv("PATH");
  std::string_view rest = path ? path : "/bin:/usr/bin";
  std::vector<std::string> places;
  for (;;) {
    const std::size_t end = rest.find(':');
    const std::string folder(rest.substr(0, end));
    places.push_back((folder.empty() ? "." : folder) + "/" + program);
    if (end == std::string_view::npos) return places;
    rest.remove_prefix(end + 1);
  }
}

std::vector<std::string> environment_of(const process_options& options) {
  std::vector<std::string> all;
  if (options.inherits_environment()) {
    for (char** entry = environ; entry && *entry; ++entry) all.emplace_back(*entry);
  }
  for (const auto& [name, value] : options.environment_changes()) {
    const std::string start = name + "=";
    std::erase_if(all, [&](const std::string& entry) { return entry.compare(0, start.size(), start) == 0; });
    if (value) all.push_back(start + *value);
  }
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

/// All that the child needs: it can neither allocate nor lock, since its parent's other threads go on.
class plan {
 public:
  plan(const process_options& options, const child_streams& its_streams)
      : places_(places_of(options.program())),
        arguments_{options.argument_zero()},
        environment_(environment_of(options)) {
    arguments_.insert(arguments_.end(), options.arguments().begin(), options.arguments().end());
    argument_pointers_ = pointers_to(arguments_);
    environment_pointers_ = pointers_to(environment_);
    place_pointers_ = pointers_to(places_);
    places = place_pointers_.data();
    arguments = argument_pointers_.data();
    environment = environment_pointers_.data();
    if (!options.working_directory().empty()) directory = options.working_directory().c_str();
    streams = {its_streams.input, its_streams.output, its_streams.error};
    group = options.own_group();
    parent_death_signal = options.parent_death_signal();
  }

  char** places;
  char** arguments;
  char** environment;
  const char* directory = nullptr;
  std::array<int, 3> streams{};
  process_options::group group;
  int parent_death_signal;
  pid_t parent = getpid();

  // The child's answer.
  const char* failed_at = nullptr;  ///< null: the program has been started
  int error = 0;

 private:
  std::vector<std::string> places_;
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
  std::vector<char*> place_pointers_;
  std::vector<char*> argument_pointers_;
  std::vector<char*> environment_pointers_;
};

// What follows runs in the child. Bare system calls: the functions of libc are intercepted by sanitizers, which would
// take what they see for the parent's doing. What may never return is not instrumented: its part of the stack would
// stay marked as used.

template <class... Args>
__attribute__((no_sanitize("address", "thread"))) long call(long number, Args... args) noexcept {
  return ::syscall(number, args...);
}

bool become_leader(const plan& work) noexcept {
  switch (work.group) {
    case process_options::group::process_group:
      return call(SYS_setpgid, 0, 0) == 0;
    case process_options::group::session:
      return call(SYS_setsid) >= 0;
    case process_options::group::inherited:
      break;
  }
  return true;
}

bool die_with_parent(const plan& work) noexcept {
  if (work.parent_death_signal == 0) return true;
  if (call(SYS_prctl, PR_SET_PDEATHSIG, work.parent_death_signal, 0, 0, 0) != 0) return false;
  if (call(SYS_getppid) == work.parent) return true;
  errno = ESRCH;  // it was killed before that
  return false;
}

/// Puts one descriptor into its place among the standard streams.
bool put(int number, int place) noexcept {
  if (number == child_streams::as_output) number = STDOUT_FILENO;
  if (number != place) return call(SYS_dup3, number, place, 0) >= 0;
  // A stream that the parent does not have either stays closed.
  return call(SYS_fcntl, number, F_SETFD, 0) == 0 || errno == EBADF;
}

bool arrange_streams(std::array<int, 3> streams) noexcept {
  for (int place = 0; place < first_free_descriptor; ++place) {
    int& number = streams[static_cast<std::size_t>(place)];
    if (number < 0 || number >= first_free_descriptor || number == place) continue;
    number = static_cast<int>(call(SYS_fcntl, number, F_DUPFD_CLOEXEC, first_free_descriptor));
    if (number < 0) return false;
  }
  for (int place = 0; place < first_free_descriptor; ++place) {
    if (!put(streams[static_cast<std::size_t>(place)], place)) return false;
  }
  return call(SYS_close_range, first_free_descriptor, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

/// No handler of the parent may run here, now that signals are let through.
bool reset_signals() noexcept {
  constexpr std::size_t mask_size = _NSIG / 8;
  constexpr std::array<std::uint64_t, 8> by_default{};  // the kernel's own sigaction, larger than it is anywhere
  for (int number = 1; number < _NSIG; ++number) {
    if (number == SIGKILL || number == SIGSTOP) continue;
    if (call(SYS_rt_sigaction, number, by_default.data(), nullptr, mask_size) != 0) return false;
  }
  constexpr std::array<std::uint64_t, 2> none{};
  return call(SYS_rt_sigprocmask, SIG_SETMASK, none.data(), nullptr, mask_size) == 0;
}

/// As execvp(3): the next place if it is not in this one; and if it is nowhere but was forbidden somewhere, that.
__attribute__((no_sanitize("address", "thread"))) void execute(const plan& work) noexcept {
  bool was_forbidden = false;
  for (char** place = work.places; *place; ++place) {
    call(SYS_execve, *place, work.arguments, work.environment);
    if (errno == EACCES) was_forbidden = true;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return;
  }
  errno = was_forbidden ? EACCES : ENOENT;
}

__attribute__((no_sanitize("address", "thread"))) int child(void* argument) noexcept {
  plan& work = *static_cast<plan*>(argument);
  if (!become_leader(work)) {
    work.failed_at = "a group of its own";
  } else if (!die_with_parent(work)) {
    work.failed_at = "the parent-death signal";
  } else if (!arrange_streams(work.streams)) {
    work.failed_at = "its standard streams";
  } else if (work.directory && call(SYS_chdir, work.directory) != 0) {
    work.failed_at = "its working directory";
  } else if (!reset_signals()) {
    work.failed_at = "its signals";
  } else {
    execute(work);
    work.failed_at = "";
  }
  work.error = errno;
  call(SYS_exit_group, 127);
  __builtin_unreachable();
}

/// While it lives, all signals are blocked on this thread.
class all_blocked {
 public:
  all_blocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~all_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  all_blocked(const all_blocked&) = delete;
  all_blocked& operator=(const all_blocked&) = delete;

 private:
  sigset_t before_;
};

std::string description(const process_options& options, const started_process& failed) {
  const std::string_view part = failed.failed_at ? failed.failed_at : "clone";
  std::string text = "spawn " + options.program();
  if (!part.empty()) text.append(": ").append(part);
  if (part == "its working directory") text += " " + options.working_directory();
  return text;
}

}  // namespace

spawned spawn(const process_options& options, const child_streams& streams) {
  check(options);
  started_process made;
  const int result = processes().spawn(options, streams, made);
  if (result < 0) throw std::system_error(-result, std::generic_category(), description(options, made));
  return {made.id, fd(made.handle)};
}

int start_program(const process_options& options, const child_streams& streams, started_process& made) {
  plan work(options, streams);
  constexpr std::size_t stack_size = 16 << 10;
  alignas(16) std::array<std::byte, stack_size> stack;
  {
    // A handler that ran in the child would change the parent's memory.
    const all_blocked signals;
    made.id =
        clone(&child, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &work, &made.handle);
  }
  if (made.id < 0) return -errno;
  if (!work.failed_at) return 0;
  const fd handle(std::exchange(made.handle, -1));
  siginfo_t ended{};
  linux_processes().wait(handle.number(), 0, ended);
  made.failed_at = work.failed_at;
  return -work.error;
}

}  // namespace ringmill::detail
