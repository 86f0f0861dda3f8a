#include <ringmill/io/sim/detail/sim_processes.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include <ringmill/io/process_options.hpp>
#include <ringmill/io/sim/child_process.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill::sim::detail {

namespace {

bool is_ignored_by_default(int number) noexcept {
  return number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT;
}
bool is_signal(int number) noexcept { return number > 0 && number < _NSIG; }

}  // namespace

std::shared_ptr<process> sim_processes::process_of(int handle) const {
  return std::dynamic_pointer_cast<process>(owner_.object_of(handle));
}

/// A host's own standard streams lead nowhere.
std::shared_ptr<object> sim_processes::stream_of(int number) const { return owner_.object_of(number); }

int sim_processes::spawn(const process_options& options, const child_streams& streams, started_process& made) {
  if (owner_.is_dead()) return -ECANCELED;
  reap_left();
  const auto& programs = owner_.around().programs;
  const auto found = programs.find(options.program());
  if (found == programs.end()) {
    made.failed_at = "";
    return -ENOENT;
  }
  process_setup setup;
  setup.arguments.push_back(options.argument_zero());
  setup.arguments.insert(setup.arguments.end(), options.arguments().begin(), options.arguments().end());
  setup.environment = options.environment_changes();
  setup.streams = {stream_of(streams.input), stream_of(streams.output),
                   stream_of(streams.error == child_streams::as_output ? streams.output : streams.error)};
  if (options.own_group() == process_options::group::inherited) setup.group = 1;  // the host's
  auto child = make(nullptr, std::move(setup), [program = found->second](process& self) {
    child_process face(self);
    return program(face);
  });
  if (!child) return -EAGAIN;
  made.id = child->id();
  made.handle = owner_.install(std::move(child));
  return made.handle < 0 ? made.handle : 0;
}

std::shared_ptr<process> sim_processes::make(process* parent, process_setup setup, process::body program) {
  if (owner_.around().happens(fault::no_process, owner_.host())) return nullptr;
  auto made = std::make_shared<process>(owner_, ++last_id_, parent, std::move(setup), std::move(program));
  all_[made->id()] = made;
  made->start();
  return made;
}

int sim_processes::send_signal(int handle, int number) {
  const auto target = process_of(handle);
  if (!target) return -EBADF;
  if (target->was_reaped()) return -ESRCH;
  if (number != 0 && !is_signal(number)) return -EINVAL;
  target->signal(number);
  return 0;
}

int sim_processes::send_group_signal(int group, int number) {
  if (number != 0 && !is_signal(number)) return -EINVAL;
  bool any = false;
  for (const auto& [id, each] : all_) {
    if (each->group() != group) continue;
    any = true;
    each->signal(number);
  }
  return any ? 0 : -ESRCH;
}

int sim_processes::group_of(int id) {
  const auto found = all_.find(id);
  return found == all_.end() ? -ESRCH : found->second->group();
}

int sim_processes::wait(int handle, int flags, siginfo_t& ended) {
  if (owner_.is_dead()) return -ECHILD;
  reap_left();
  const auto target = process_of(handle);
  if (!target) return -EBADF;
  if (!target->is_child_of_host() || target->was_reaped()) return -ECHILD;
  ended = {};
  auto& around = owner_.around();
  while (!target->has_ended()) {
    if ((flags & WNOHANG) != 0) return 0;
    const std::optional<time_point> next = around.next_event();
    if (!next) throw deadlock_error("simulation: a host waits for a child that does not end");
    around.advance_to(*next);
  }
  ended.si_signo = SIGCHLD;
  ended.si_pid = target->id();
  ended.si_code = target->end().is_exit() ? CLD_EXITED : CLD_KILLED;
  ended.si_status = target->end().number();
  if ((flags & WNOWAIT) == 0) reap(*target);
  return 0;
}

void sim_processes::wait_a_second(int handle) noexcept {
  const auto target = process_of(handle);
  auto& around = owner_.around();
  const time_point deadline = around.now() + std::chrono::seconds(1);
  while (target && !target->has_ended() && around.now() < deadline) {
    const std::optional<time_point> next = around.next_event();
    around.advance_to(next ? std::min(*next, deadline) : deadline);
  }
}

void sim_processes::leave(int handle) noexcept {
  if (auto target = process_of(handle)) left_.push_back(std::move(target));
  owner_.close(handle);
}

void sim_processes::reap(process& dead) {
  dead.reap();
  all_.erase(dead.id());
}

void sim_processes::reap_left() {
  std::erase_if(left_, [this](const std::shared_ptr<process>& each) {
    if (!each->has_ended()) return false;
    reap(*each);
    return true;
  });
}

void sim_processes::has_ended(process& dead) {
  if (dead.was_reaped() || !dead.is_child_of_host()) {
    all_.erase(dead.id());
  } else {
    raise(SIGCHLD);
  }
}

void sim_processes::end_all() {
  while (!all_.empty()) {
    const std::shared_ptr<process> one = all_.begin()->second;
    all_.erase(all_.begin());
    one->end_at_once();
    one->reap();
  }
}

std::string sim_processes::text() const {
  std::string text;
  for (const auto& [id, each] : all_) {
    const std::vector<std::string>& arguments = each->setup().arguments;
    text += "  process " + std::to_string(id) + " (" + (arguments.empty() ? "" : arguments.front()) +
            (each->has_ended() ? "): has ended, and was not waited for\n" : ")\n");
  }
  return text;
}

// Signals of the host's program.

bool sim_processes::is_pending(const sigset_t& signals) const noexcept {
  for (int number = 1; number < _NSIG; ++number) {
    if (pending_[static_cast<std::size_t>(number)] && sigismember(&signals, number) == 1) return true;
  }
  return false;
}

bool sim_processes::raise(int number) {
  if (watchers_[static_cast<std::size_t>(number)] == 0 || number == SIGKILL) return is_ignored_by_default(number);
  pending_[static_cast<std::size_t>(number)] = true;
  for (signal_source* const each : sources_) {
    if (sigismember(&each->signals(), number) == 1) each->came();
  }
  return true;
}

int sim_processes::watch_signals(const sigset_t& signals) {
  if (owner_.is_dead()) return -ECANCELED;
  const int made = owner_.install(std::make_shared<signal_source>(owner_, *this, signals));
  if (made < 0) return made;
  for (int number = 1; number < _NSIG; ++number) {
    if (sigismember(&signals, number) == 1) ++watchers_[static_cast<std::size_t>(number)];
  }
  return made;
}

int sim_processes::take_signal(int fd) noexcept {
  const auto source = std::dynamic_pointer_cast<signal_source>(owner_.object_of(fd));
  for (int number = 1; source && number < _NSIG; ++number) {
    if (sigismember(&source->signals(), number) != 1) continue;
    if (std::exchange(pending_[static_cast<std::size_t>(number)], false)) return number;
  }
  return 0;
}

void sim_processes::unwatch_signals(const sigset_t& signals) noexcept {
  bool is_killed = false;
  for (int number = 1; number < _NSIG; ++number) {
    const auto index = static_cast<std::size_t>(number);
    if (sigismember(&signals, number) != 1 || --watchers_[index] > 0) continue;
    if (std::exchange(pending_[index], false) && !is_ignored_by_default(number)) is_killed = true;
  }
  if (is_killed && when_killed_ && !owner_.is_dead()) when_killed_();
}

}  // namespace ringmill::sim::detail
