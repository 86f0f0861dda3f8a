#include <ringmill/offload/zygote_link.hpp>

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/detail/spawn.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/offload/detail/fault_point.hpp>
#include <ringmill/offload/zygote.hpp>

namespace ringmill::detail {

namespace {

/// The bytes of control data that most_descriptors need, aligned.
union control_buffer {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int) * most_descriptors)];
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
  const int sent = ipc().send_message(socket, header, flags);
  if (sent < 0) errno = -sent;
  return sent == static_cast<int>(sizeof message);
}

receive_result receive_message(int socket, received_message& into, int flags) noexcept {
  iovec part{&into.message, sizeof into.message};
  control_buffer control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = &control;
  header.msg_controllen = sizeof control;
  const int received = ipc().receive_message(socket, header, flags);
  if (received == -EAGAIN) return receive_result::nothing;
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
  return received == static_cast<int>(sizeof into.message) ? receive_result::message : receive_result::end;
}

zygote_process zygote_process::start() {
  int pair[2];
  const int result = RINGMILL_SHORTAGE_POINT("socketpair")
                         ? -errno
                         : ring::current().backend().socket_pair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
  or_throw(result, "socketpair for the zygote");
  zygote_process made;
  made.socket_ = fd(pair[0]);
  const fd theirs(pair[1]);

  // A process group of its own: Ctrl-C is for the host, which ends its workers in its own order.
  process_options program(zygote_program);
  program.argument_zero(zygote_name).argument(zygote_marker).argument(std::to_string(getpid())).new_group();
  child_streams streams;
  streams.input = theirs.number();
  spawned child = detail::spawn(program, streams);
  made.pid_ = child.id;
  made.pidfd_ = std::move(child.handle);
  RINGMILL_FAULT_POINT("host_zygote_started");
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
  if (socket_) ring::current().backend().shutdown(socket_.number(), SHUT_RDWR);
}

void zygote_process::kill() noexcept {
  if (pidfd_) processes().send_signal(pidfd_.number(), SIGKILL);
}

void zygote_process::end() noexcept {
  if (pid_ < 0) return;
  constexpr int patience_in_seconds = 2;
  hang_up();
  siginfo_t ended{};
  const auto runs_still = [&] { return processes().wait(pidfd_.number(), WNOHANG, ended) == 0 && ended.si_pid == 0; };
  bool runs = true;
  for (int second = 0; second < patience_in_seconds && runs; ++second) {
    processes().wait_a_second(pidfd_.number());
    runs = runs_still();
  }
  if (runs) {
    kill();
    processes().wait(pidfd_.number(), 0, ended);
  }
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
