#include <ringmill/offload/zygote_link.hpp>

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include <ringmill/offload/detail/fault_point.hpp>
#include <ringmill/offload/zygote.hpp>

namespace ringmill::detail {

namespace {

/// The bytes of control data that most_descriptors need, aligned.
union control_buffer {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int) * most_descriptors)];
};

/// What posix_spawn wants, given back on every path.
class spawn_setup {
 public:
  spawn_setup() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~spawn_setup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  spawn_setup(const spawn_setup&) = delete;
  spawn_setup& operator=(const spawn_setup&) = delete;

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

}  // namespace

bool send_message(int socket, const zygote_message& message, std::span<const int> descriptors, int flags) noexcept {
  iovec part{const_cast<zygote_message*>(&message), sizeof message};
  control_buffer control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = &control;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &header, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(sizeof message);
}

receive_result receive_message(int socket, received_message& into, int flags) noexcept {
  iovec part{&into.message, sizeof into.message};
  control_buffer control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = &control;
  header.msg_controllen = sizeof control;
  ssize_t received = 0;
  do {
    received = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return receive_result::nothing;
  for (fd& descriptor : into.descriptors) descriptor.reset();
  for (cmsghdr* rights = CMSG_FIRSTHDR(&header); received >= 0 && rights; rights = CMSG_NXTHDR(&header, rights)) {
    if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < count && index < most_descriptors; ++index) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(rights) + index * sizeof(int), sizeof number);
      into.descriptors[index].reset(number);
    }
  }
  return received == static_cast<ssize_t>(sizeof into.message) ? receive_result::message : receive_result::end;
}

zygote_process zygote_process::start() {
  int pair[2];
  if (RINGMILL_SHORTAGE_POINT("socketpair") || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair for the zygote");
  }
  zygote_process made;
  made.socket_ = fd(pair[0]);
  fd theirs(pair[1]);

  spawn_setup setup;
  posix_spawn_file_actions_adddup2(&setup.actions, theirs.number(), zygote_socket);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&setup.attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&setup.attributes, &signals);
  // A process group of its own: Ctrl-C is for the host, which ends its workers in its own order.
  posix_spawnattr_setpgroup(&setup.attributes, 0);
  posix_spawnattr_setflags(&setup.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  std::string name = zygote_name;
  std::string marker = zygote_marker;
  std::string host = std::to_string(getpid());
  char* const arguments[] = {name.data(), marker.data(), host.data(), nullptr};
  const int error = posix_spawn(&made.pid_, "/proc/self/exe", &setup.actions, &setup.attributes, arguments, environ);
  if (error != 0) throw std::system_error(error, std::generic_category(), "starting the zygote from /proc/self/exe");
  // Our child, and not waited for: the number is still its own.
  RINGMILL_FAULT_POINT("host_zygote_started");
  made.pidfd_ = fd(static_cast<int>(syscall(SYS_pidfd_open, made.pid_, 0)));
  return made;
}

zygote_process::zygote_process(zygote_process&& other) noexcept
    : socket_(std::move(other.socket_)), pidfd_(std::move(other.pidfd_)), pid_(std::exchange(other.pid_, -1)) {}

zygote_process& zygote_process::operator=(zygote_process&& other) noexcept {
  if (this != &other) {
    end();
    socket_ = std::move(other.socket_);
    pidfd_ = std::move(other.pidfd_);
    pid_ = std::exchange(other.pid_, -1);
  }
  return *this;
}

void zygote_process::hang_up() noexcept {
  if (socket_) shutdown(socket_.number(), SHUT_RDWR);
}

void zygote_process::kill() noexcept {
  if (pid_ > 0) ::kill(pid_, SIGKILL);  // our child, and not waited for
}

void zygote_process::end() noexcept {
  if (pid_ < 0) return;
  constexpr int patience_ms = 2000;
  hang_up();
  if (pidfd_) {
    pollfd ended{pidfd_.number(), POLLIN, 0};
    int ready = 0;
    do {
      ready = poll(&ended, 1, patience_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) kill();
  }
  // ECHILD: the program ignores SIGCHLD, or has waited for every child; then it is gone already.
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  pid_ = -1;
  socket_.reset();
  pidfd_.reset();
}

bool zygote_process::spawn(zygote_message message, std::span<const int> descriptors) noexcept {
  message.kind = message_kind::spawn;
  const bool sent = send_message(socket_.number(), message, descriptors, MSG_DONTWAIT);
  RINGMILL_FAULT_POINT("host_worker_asked");
  return sent;
}

}  // namespace ringmill::detail
