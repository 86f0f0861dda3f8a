#include "sockets.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "../limits/worker_channel.hpp"
#include "../support/measure.hpp"

namespace rm = ringmill;

namespace bench {

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::uint64_t first_and_last(std::span<const std::uint64_t> data) { return data.front() + data.back(); }

/// A process that sends without an end.
class sender {
 public:
  sender() {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) throw std::runtime_error("socketpair");
    here_ = rm::fd(pair[0]);
    const rm::fd there(pair[1]);
    child_ = fork();
    if (child_ < 0) throw std::runtime_error("fork");
    if (child_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::vector<std::byte> data(mebibyte, std::byte{7});
    while (send(there.number(), data.data(), data.size(), MSG_NOSIGNAL) > 0) continue;
    _exit(0);
  }
  ~sender() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  sender(const sender&) = delete;
  sender& operator=(const sender&) = delete;

  rm::fd& socket() noexcept { return here_; }

 private:
  rm::fd here_;
  pid_t child_;
};

}  // namespace

double socket_to_worker(std::size_t count) {
  sender from;
  double cost = 0;
  const auto body = [&]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1).niceness(0));
    rm::unix_stream stream(std::move(from.socket()));
    std::chrono::steady_clock::time_point start;
    for (std::size_t i = 0; i <= count; ++i) {
      if (i == 1) start = std::chrono::steady_clock::now();  // the first has made the pages
      rm::pool_buffer buffer = co_await pool.buffer(mebibyte);
      co_await rm::read_exactly(stream, buffer.bytes());
      const std::span<const std::byte> bytes = buffer.bytes();
      co_await pool.run<&first_and_last>(
          std::span(reinterpret_cast<const std::uint64_t*>(bytes.data()), bytes.size() / sizeof(std::uint64_t)));
    }
    cost = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  };
  rm::run(body());
  return cost / static_cast<double>(count);
}

double raw_socket_to_worker(std::size_t count) {
  sender from;
  limits::worker_channel channel(limits::worker_channel::make_doorbell(), -1, mebibyte);
  limits::message small{};
  const auto once = [&] {
    for (std::size_t have = 0; have < mebibyte;) {
      const ssize_t came = recv(from.socket().number(), channel.payload() + have, mebibyte - have, 0);
      if (came <= 0) throw std::runtime_error("recv");
      have += static_cast<std::size_t>(came);
    }
    small = channel.round_trip(small);
  };
  once();
  return nanoseconds_each(count,
                          [&] {
                            for (std::size_t i = 0; i < count; ++i) once();
                          }) /
         1000;
}

}  // namespace bench
