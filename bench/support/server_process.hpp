// A server in a process of its own, for as long as this lives: on a core of its own, where the load comes from another
// one, or where the system puts it.
#pragma once

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

namespace bench {

/// On a machine with one core, nothing.
inline void pin_to_core(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

constexpr int servers_core = 0;
constexpr int generators_core = 1;
constexpr int any_core = -1;

class server_process {
 public:
  /// Calls `serve(listener)` in a child; it must not return. `listener` listens on a free port of 127.0.0.1.
  template <class Function>
  explicit server_process(Function&& serve, int core = servers_core) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof where;
    const int on = 1;
    setsockopt(listener, IPPROTO_TCP, 1 /* TCP_NODELAY, inherited */, &on, sizeof on);
    auto* const address = reinterpret_cast<sockaddr*>(&where);
    if (bind(listener, address, length) != 0 || listen(listener, 4096) != 0 ||
        getsockname(listener, address, &length) != 0) {
      throw std::runtime_error("no port to listen on");
    }
    port_ = ntohs(where.sin_port);
    process_ = fork();
    if (process_ < 0) throw std::runtime_error("fork failed");
    if (process_ == 0) {
      if (core != any_core) pin_to_core(core);
      try {
        std::forward<Function>(serve)(listener);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "server: %s\n", error.what());
      }
      _exit(1);
    }
    close(listener);
  }
  ~server_process() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  pid_t process() const noexcept { return process_; }

 private:
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

}  // namespace bench
