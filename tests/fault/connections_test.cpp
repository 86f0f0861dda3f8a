// Many connections: held at once, and one after the other.
#include <doctest/doctest.h>

#include <poll.h>

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <vector>

#include <ringmill/ringmill.hpp>
#include <ringmill/runtime/frame_memory.hpp>

#include "../support/kernels.hpp"
#include "../support/sockets.hpp"
#include "fault.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using fault::figure;

namespace {

rm::task<> echo(rm::tcp_stream peer) {
  std::array<std::byte, 64> buffer;
  while (const std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
}

/// Waits until a byte can be read from a descriptor of the caller's.
rm::task<> next_byte(const rm::fd& pipe) {
  std::array<std::byte, 1> byte;
  co_await rm::read_op(pipe.number(), byte);
}

/// The other side of the connections that are held: makes them, asks each for an echo, waits for leave to go.
int hold(const rm::fd& listener, std::size_t count, const rm::fd& ready, const rm::fd& go_on) {
  std::vector<rm::fd> clients;
  const rm::address where = support::address_of(listener);
  char byte = 'x';
  while (clients.size() < count) {
    rm::fd client(support::checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    support::checked(::connect(client.number(), where.data(), where.size()), "connect");
    clients.push_back(std::move(client));
  }
  for (int round = 0; round < 2; ++round) {
    for (const rm::fd& client : clients) support::write_text(client, "x");
    for (const rm::fd& client : clients) {
      if (::read(client.number(), &byte, 1) != 1) return 1;
    }
    support::write_text(ready, "r");
    if (::read(go_on.number(), &byte, 1) != 1) return 2;
  }
  return 0;
}

}  // namespace

TEST_CASE("as many connections are held as there are descriptors, and each is served") {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t possible = static_cast<std::size_t>(limit.rlim_cur) - 500;
  const std::size_t count = fault::is_long() ? std::min<std::size_t>(possible, 100'000) : 500;
  const int before = support::open_descriptors();
  for (const auto& factory : support::all_kernels()) {
    support::ends ready = support::ends::of_pipe();
    support::ends go_on = support::ends::of_pipe();
    rm::fd listening = support::listening_socket();
    fault::other_process clients([&] { return hold(listening, count, ready.right, go_on.left); });
    const auto serve = [&]() -> rm::task<> {
      const long memory_before = fault::resident_memory();
      const fault::stopwatch since_start;
      rm::nursery connections;
      const auto accept_all = [&]() -> rm::task<> {
        for (std::size_t i = 0; i < count; ++i) {
          connections.start(echo, rm::tcp_stream(co_await rm::accept_op(listening)));
        }
        co_await next_byte(ready.left);
        CHECK(connections.size() == count + 1);
        const double seconds = since_start.seconds();
        const auto bytes = static_cast<double>(fault::resident_memory() - memory_before);
        figure("%zu connections held, %.0f bytes of user memory each%s; all made and served within %.2f s", count,
               bytes / static_cast<double>(count), fault::is_sanitized ? " (with sanitizers)" : "", seconds);
        if (fault::is_long() && !fault::is_sanitized) CHECK(bytes / static_cast<double>(count) < 2000);
        support::write_text(go_on.right, "g");
        co_await next_byte(ready.left);
        support::write_text(go_on.right, "g");  // they close, and all tasks end
      };
      co_await rm::with_timeout(300s, connections.run(accept_all));
    };
    rm::run_on(factory.make(), serve());
    CHECK(clients.wait() == 0);
  }
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("connections come and go, and neither memory nor descriptors grow") {
  const int count = fault::is_long() ? 1'000'000 : 1'000;
  constexpr int clients = 50;
  const int before = support::open_descriptors();
  const auto frames_before = rm::current_frame_statistics().live;
  support::on_each_kernel([&]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("0.0.0.0", 0);
    const std::uint16_t port = listener.port();
    int made = 0;
    // Ports of closed connections stay taken for a minute: for each address of 127.0.0.0/8 there are others.
    const auto come_and_go = [&]() -> rm::task<> {
      std::array<std::byte, 1> byte{};
      while (made < count) {
        const int number = made++;
        const std::string host = "127.0.1." + std::to_string(1 + number % 200);
        rm::tcp_stream stream = co_await rm::tcp_stream::connect(*rm::address::parse(host, port));
        co_await stream.write_all(byte);
        const std::size_t echoed = co_await stream.read_some(byte);
        CHECK(echoed == 1);
      }
    };
    long early_memory = 0;
    int early_descriptors = 0;
    int most_descriptors = 0;
    const auto look = [&]() -> rm::task<> {
      while (made < count) {
        co_await rm::sleep_for(1ms);
        const int descriptors = support::open_descriptors();
        most_descriptors = std::max(most_descriptors, descriptors);
        if (early_memory == 0 && made > count / 10) {
          early_memory = fault::resident_memory();
          early_descriptors = descriptors;
        }
        if (fault::is_long()) co_await rm::sleep_for(100ms);
      }
    };
    const fault::stopwatch watch;
    rm::nursery server;
    co_await server.run([&]() -> rm::task<> {
      server.start([&]() -> rm::task<> {
        for (;;) server.start(echo, co_await listener.accept());
      });
      rm::nursery group;
      const auto all = [&]() -> rm::task<> {
        for (int i = 0; i < clients; ++i) group.start(come_and_go);
        co_await look();
      };
      co_await group.run(all);
      server.cancel();
    });
    const double seconds = watch.seconds();
    const long growth = fault::resident_memory() - early_memory;
    figure(
        "%d connections one after the other, %d at a time: %.0f a second, at most %d descriptors (%d early), memory "
        "grown by %ld KiB since a tenth of them",
        count, clients, count / seconds, most_descriptors, early_descriptors, growth / 1024);
    CHECK(most_descriptors < before + 4 * clients + 20);
    if (!fault::is_sanitized) CHECK(growth < 1'000'000);
  });
  CHECK(support::open_descriptors() == before);
  CHECK(rm::current_frame_statistics().live == frames_before);
}
