// A program with an event loop of its own, which knows epoll and callbacks, and beside it, on the same thread, tasks of
// ringmill: here an echo server.  embed_epoll [PORT]
//
// The program reads commands from its standard input: `clients` prints how many are connected, `quit` ends it.
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <system_error>

#include <ringmill/io/host_loop.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;

// What stands for the program that was there before: any loop that can wait for a descriptor and a time will do.
class event_loop {
 public:
  event_loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  }

  void when_readable(int descriptor, std::function<void()> callback) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    if (epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
    callbacks_[descriptor] = std::move(callback);
  }

  /// Waits for `timeout` milliseconds at most, and calls back.
  void wait(int timeout) {
    std::array<epoll_event, 16> events;
    const int count = epoll_wait(epoll_.number(), events.data(), static_cast<int>(events.size()), timeout);
    if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
    for (int i = 0; i < count; ++i) callbacks_[events[static_cast<std::size_t>(i)].data.fd]();
  }

 private:
  rm::fd epoll_;
  std::map<int, std::function<void()>> callbacks_;
};

class counted {
 public:
  explicit counted(int& count) noexcept : count_(count) { ++count_; }
  ~counted() { --count_; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;

 private:
  int& count_;
};

rm::task<> echo(rm::tcp_stream peer, int& clients) {
  const counted here(clients);
  std::array<std::byte, 4096> buffer;
  try {
    while (const std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
  } catch (const std::system_error&) {  // a client that resets its connection is its own problem
  }
}

rm::task<> serve(std::uint16_t port, int& clients) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", port);
  std::printf("listening on %s\n", listener.local().to_string().c_str());
  std::fflush(stdout);
  rm::nursery all;
  co_await all.run([&]() -> rm::task<> {
    for (;;) all.start(echo, co_await listener.accept(), std::ref(clients));
  });
}

int run(std::uint16_t port) {
  int clients = 0;
  bool over = false;
  event_loop events;
  rm::host_loop tasks;

  events.when_readable(tasks.poll_fd(), [] {});  // to come back from the wait is enough: run_once is called anyway
  tasks.detach(serve, port, std::ref(clients));

  std::string typed;
  events.when_readable(STDIN_FILENO, [&] {
    std::array<char, 256> buffer;
    const ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
    over = n <= 0;
    if (n > 0) typed.append(buffer.data(), static_cast<std::size_t>(n));
    for (std::size_t end = 0; (end = typed.find('\n')) != typed.npos; typed.erase(0, end + 1)) {
      const std::string command = typed.substr(0, end);
      if (command == "quit") over = true;
      if (command == "clients") std::printf("%d\n", clients);
      std::fflush(stdout);
    }
  });

  while (!over) {
    events.wait(tasks.poll_timeout());
    tasks.run_once();
  }
  return 0;  // the tasks end with `tasks`: what they refer to was made before it
}

int main(int argc, char** argv) {
  try {
    return run(static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 7000));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
