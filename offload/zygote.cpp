#include <ringmill/offload/zygote.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <ringmill/offload/detail/fault_point.hpp>
#include <ringmill/offload/program_fingerprint.hpp>
#include <ringmill/offload/worker.hpp>
#include <ringmill/offload/zygote_link.hpp>

namespace ringmill::detail {

namespace {

struct child {
  pid_t pid;
  std::uint32_t slot;
  std::uint32_t generation;
};

std::int64_t microseconds(const timeval& time) noexcept { return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec; }

class zygote {
 public:
  explicit zygote(char** arguments) : arguments_(arguments) {}

  void run() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    const fd deaths(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    zygote_message hello;
    hello.fingerprint = program_fingerprint();
    if (RINGMILL_SHORTAGE_POINT("fingerprint")) ++hello.fingerprint;  // of another program, that is
    hello.pid = getpid();
    RINGMILL_FAULT_POINT("zygote_begun");
    alive_ = tell(hello);
    RINGMILL_FAULT_POINT("zygote_greeted");
    while (alive_) {
      pollfd watched[2] = {{zygote_socket, POLLIN, 0}, {deaths.number(), POLLIN, 0}};
      if (poll(watched, 2, -1) < 0 && errno != EINTR) break;
      signalfd_siginfo ignored[16];
      while (read(deaths.number(), ignored, sizeof ignored) > 0) continue;
      reap();
      if (watched[0].revents != 0) serve();
    }
    for (const child& one : children_) kill(one.pid, SIGKILL);
    for (const child& one : children_) waitpid(one.pid, nullptr, 0);
  }

 private:
  bool tell(const zygote_message& message, std::span<const int> descriptors = {}) noexcept {
    return send_message(zygote_socket, message, descriptors, 0);
  }

  void serve() {
    received_message request;
    if (receive_message(zygote_socket, request, 0) != receive_result::message) {
      alive_ = false;
    } else if (request.message.kind == message_kind::spawn) {
      spawn(request);
    }
  }

  void spawn(received_message& request) {
    RINGMILL_FAULT_POINT("zygote_asked");
    const pid_t zygote_pid = getpid();
    // fork, and the pidfd after it: nobody but us reaps this child, so its number cannot be another's by then. A bare
    // clone3 would give the pidfd at once, but leave the C library's and the sanitizers' state unprepared for the
    // child.
    const pid_t pid = RINGMILL_SHORTAGE_POINT("fork") ? -1 : fork();
    if (pid == 0) become_worker(request, zygote_pid);
    zygote_message reply;
    reply.slot = request.message.slot;
    reply.generation = request.message.generation;
    if (pid < 0) {
      reply.kind = message_kind::spawn_failed;
      reply.status = errno;
      alive_ = tell(reply);
      return;
    }
    RINGMILL_FAULT_POINT("zygote_forked");
    children_.push_back({pid, reply.slot, reply.generation});
    const fd pidfd(RINGMILL_SHORTAGE_POINT("pidfd") ? -1 : static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
      // A worker that the host could not kill is no worker.
      reply.kind = message_kind::spawn_failed;
      reply.status = errno;
      kill(pid, SIGKILL);
      alive_ = tell(reply);
      return;
    }
    reply.kind = message_kind::spawned;
    reply.pid = pid;
    const int number = pidfd.number();
    alive_ = tell(reply, std::span<const int>(&number, 1));
    RINGMILL_FAULT_POINT("zygote_spawned");
  }

  [[noreturn]] void become_worker(received_message& request, pid_t zygote_pid) noexcept {
    std::memcpy(arguments_[0], worker_name, std::strlen(worker_name));
    worker_start start;
    start.parent = zygote_pid;
    start.nice = request.message.status;
    start.spin_ns = request.message.spin_ns;
    start.request_memory = request.descriptors[0].number();
    start.response_memory = request.descriptors[1].number();
    start.errors = request.descriptors[2].number();
    std::size_t next = 3;
    if (request.message.has_doorbell != 0) start.doorbell = request.descriptors[next++].number();
    if (request.message.has_buffers != 0) start.buffers = request.descriptors[next++].number();
    start.initializer = request.message.initializer;
    request.message.name.back() = 0;
    start.name = request.message.name.data();
    worker_main(start);
  }

  void reap() {
    int status = 0;
    rusage used{};
    for (pid_t pid = 0; (pid = wait4(-1, &status, WNOHANG, &used)) > 0;) {
      for (std::size_t index = 0; index < children_.size(); ++index) {
        if (children_[index].pid != pid) continue;
        RINGMILL_FAULT_POINT("zygote_reaped");
        zygote_message report;
        report.kind = message_kind::exited;
        report.slot = children_[index].slot;
        report.generation = children_[index].generation;
        report.pid = pid;
        report.status = status;
        report.user_time_us = microseconds(used.ru_utime);
        report.system_time_us = microseconds(used.ru_stime);
        report.peak_memory = used.ru_maxrss * 1024;
        children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index));
        alive_ = tell(report) && alive_;
        RINGMILL_FAULT_POINT("zygote_reported");
        break;
      }
    }
  }

  char** arguments_;
  std::vector<child> children_;
  bool alive_ = true;
};

}  // namespace

void zygote_main(char** arguments) noexcept {
  int type = 0;
  socklen_t length = sizeof type;
  if (!arguments[2] || getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_SEQPACKET) {
    std::fprintf(stderr, "%s: only a process pool starts this\n", zygote_marker);
    _exit(2);
  }
  // The signal comes when the thread dies that made us; if that was before the prctl, we have another parent by now.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != static_cast<pid_t>(std::strtol(arguments[2], nullptr, 10))) _exit(0);
  prctl(PR_SET_NAME, "rm-zygote");
  dup3(STDIN_FILENO, zygote_socket, O_CLOEXEC);
  close_range(zygote_socket + 1, ~0U, 0);
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing >= 0) {
    dup2(nothing, STDIN_FILENO);
    close(nothing);
  }
  std::fflush(nullptr);  // else each worker writes it once more
  try {
    zygote(arguments).run();
  } catch (...) {
  }
  _exit(0);
}

}  // namespace ringmill::detail
