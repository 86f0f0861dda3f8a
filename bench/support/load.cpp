#include "load.hpp"

#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

namespace {

using clock = std::chrono::steady_clock;

void check(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(-result));
}

class uring {
 public:
  uring() {
    io_uring_params parameters{};
    parameters.flags =
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    parameters.cq_entries = 16384;
    check(io_uring_queue_init_params(2048, &ring_, &parameters), "io_uring_setup");
    io_uring_register_ring_fd(&ring_);
  }
  ~uring() { io_uring_queue_exit(&ring_); }
  uring(const uring&) = delete;
  uring& operator=(const uring&) = delete;

  io_uring* get() noexcept { return &ring_; }
  io_uring_sqe& entry() {
    io_uring_sqe* made = io_uring_get_sqe(&ring_);
    if (!made) {
      check(io_uring_submit(&ring_), "io_uring_enter");
      made = io_uring_get_sqe(&ring_);
    }
    return *made;
  }

 private:
  io_uring ring_{};
};

/// Buffers that the kernel receives into.
class buffers {
 public:
  static constexpr unsigned count = 1024;
  static constexpr unsigned size = 8192;

  explicit buffers(io_uring* ring) : memory_(std::size_t{count} * size) {
    void* shared = nullptr;
    if (posix_memalign(&shared, 4096, count * sizeof(io_uring_buf)) != 0) throw std::runtime_error("no memory");
    ring_ = static_cast<io_uring_buf_ring*>(shared);
    io_uring_buf_reg request{};
    request.ring_addr = reinterpret_cast<std::uintptr_t>(ring_);
    request.ring_entries = count;
    check(io_uring_register_buf_ring(ring, &request, 0), "register buffers");
    io_uring_buf_ring_init(ring_);
    for (unsigned i = 0; i < count; ++i) give(static_cast<unsigned short>(i));
  }
  ~buffers() { std::free(ring_); }
  buffers(const buffers&) = delete;
  buffers& operator=(const buffers&) = delete;
  void give(unsigned short index) noexcept {
    io_uring_buf_ring_add(ring_, memory_.data() + std::size_t{index} * size, size, index, io_uring_buf_ring_mask(count),
                          0);
    io_uring_buf_ring_advance(ring_, 1);
  }

 private:
  std::vector<char> memory_;
  io_uring_buf_ring* ring_ = nullptr;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(port);
  return where;
}

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const sockaddr_in where = loopback(port);
  if (connect(socket, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) check(-errno, "connect");
  return socket;
}

/// What passed since it was made.
class stopwatch {
 public:
  explicit stopwatch(pid_t server) : server_(server) {}
  double seconds() const { return std::chrono::duration<double>(clock::now() - start_).count(); }
  load_figures figures(std::size_t done) const {
    const double length = seconds();
    const double server = cpu_of(server_) - server_cpu_;
    const double own = cpu_of(getpid()) - own_cpu_;
    const auto count = static_cast<double>(done);
    return {count / length, server / count, server / length / 1e6, own / length / 1e6};
  }

 private:
  pid_t server_;
  clock::time_point start_ = clock::now();
  double server_cpu_ = cpu_of(server_);
  double own_cpu_ = cpu_of(getpid());
};

}  // namespace

double cpu_of(pid_t process) {
  clockid_t which{};
  timespec used{};
  if (clock_getcpuclockid(process, &which) != 0 || clock_gettime(which, &used) != 0) {
    throw std::runtime_error("the server has ended");
  }
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

load_figures drive_echo(std::uint16_t port, pid_t server, std::size_t connections, std::size_t bytes, double seconds) {
  constexpr std::uint64_t of_send = std::uint64_t{1} << 32;
  uring ring;
  buffers memory(ring.get());
  std::vector<int> sockets;
  for (std::size_t i = 0; i < connections; ++i) sockets.push_back(connect_to(port));
  check(io_uring_register_files(ring.get(), sockets.data(), static_cast<unsigned>(sockets.size())), "register files");
  const std::vector<char> message(bytes, 'x');
  std::vector<std::size_t> missing(connections, bytes);

  const auto receive = [&](std::size_t index) {
    io_uring_sqe& entry = ring.entry();
    io_uring_prep_recv_multishot(&entry, static_cast<int>(index), nullptr, 0, 0);
    entry.flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    entry.user_data = index;
  };
  const auto send = [&](std::size_t index) {
    missing[index] = bytes;
    io_uring_sqe& entry = ring.entry();
    io_uring_prep_send(&entry, static_cast<int>(index), message.data(), bytes, MSG_NOSIGNAL | MSG_WAITALL);
    entry.flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    entry.user_data = of_send | index;
  };
  for (std::size_t i = 0; i < connections; ++i) {
    receive(i);
    send(i);
  }

  std::size_t done = 0;
  const auto run_for = [&](double length) {
    const stopwatch watch(server);
    done = 0;
    do {
      check(io_uring_submit_and_wait(ring.get(), 1), "io_uring_enter");
      unsigned head = 0, seen = 0;
      io_uring_cqe* answer = nullptr;
      io_uring_for_each_cqe(ring.get(), head, answer) {
        ++seen;
        if (answer->user_data & of_send) check(answer->res, "send");
        const auto index = static_cast<std::size_t>(answer->user_data);
        if (answer->res > 0) {
          memory.give(static_cast<unsigned short>(answer->flags >> IORING_CQE_BUFFER_SHIFT));
          const auto got = static_cast<std::size_t>(answer->res);
          if (got > missing[index]) throw std::runtime_error("more came back than was sent");
          missing[index] -= got;
          if (missing[index] == 0) {
            ++done;
            send(index);
          }
        } else if (answer->res != -ENOBUFS) {
          check(answer->res == 0 ? -ECONNRESET : answer->res, "receive");
        }
        if (!(answer->flags & IORING_CQE_F_MORE)) receive(index);
      }
      io_uring_cq_advance(ring.get(), seen);
    } while (watch.seconds() < length);
    return watch.figures(done);
  };
  run_for(seconds / 5);
  const load_figures figures = run_for(seconds);
  for (const int socket : sockets) close(socket);
  return figures;
}

load_figures drive_accepts(std::uint16_t port, pid_t server, double seconds) {
  uring ring;
  const sockaddr_in where = loopback(port);
  const auto connect = [&] {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const linger at_once{1, 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    io_uring_sqe& entry = ring.entry();
    io_uring_prep_connect(&entry, socket, reinterpret_cast<const sockaddr*>(&where), sizeof where);
    entry.user_data = static_cast<std::uint64_t>(socket);
  };
  constexpr int at_a_time = 16;
  for (int i = 0; i < at_a_time; ++i) connect();
  const stopwatch watch(server);
  std::size_t done = 0;
  while (watch.seconds() < seconds) {
    check(io_uring_submit_and_wait(ring.get(), 1), "io_uring_enter");
    io_uring_cqe* answer = nullptr;
    while (io_uring_peek_cqe(ring.get(), &answer) == 0) {
      check(answer->res, "connect");
      close(static_cast<int>(answer->user_data));
      io_uring_cqe_seen(ring.get(), answer);
      ++done;
      connect();
    }
  }
  return watch.figures(done);
}

}  // namespace bench
