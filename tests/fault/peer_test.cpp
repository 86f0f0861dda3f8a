// Peers that reset the connection in the middle of a write, that stop, and that are slow.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <string>
#include <system_error>

#include <ringmill/ringmill.hpp>
#include <ringmill/runtime/frame_memory.hpp>

#include "../support/connection.hpp"
#include "../support/kernels.hpp"
#include "../support/sockets.hpp"
#include "fault.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using fault::figure;
using support::connect_to;

namespace {

/// Closing sends a reset instead of waiting for anything.
void reset_on_close(const rm::tcp_stream& stream) {
  const linger none{.l_onoff = 1, .l_linger = 0};
  support::checked(::setsockopt(stream.native_handle(), SOL_SOCKET, SO_LINGER, &none, sizeof none), "SO_LINGER");
}

rm::task<> echo_peer(rm::tcp_stream peer) {
  std::array<std::byte, 64> buffer;
  while (const std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
}

/// A process that connects to `listener` and then sleeps.
int connect_and_sleep(const rm::fd& listener) {
  const rm::fd client(support::checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const rm::address where = support::address_of(listener);
  support::checked(::connect(client.number(), where.data(), where.size()), "connect");
  for (;;) pause();
}

}  // namespace

TEST_CASE("peers that reset in the middle of a write: one error each, and no signal") {
  const int count = fault::is_long() ? 100'000 : 1'000;
  const int before = support::open_descriptors();
  const auto frames_before = rm::current_frame_statistics().live;
  support::on_each_kernel([&]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const std::string text(4 << 20, 'x');  // more than both sides' buffers hold
    int resets = 0;
    int others = 0;
    const auto serve = [&](rm::tcp_stream peer) -> rm::task<> {
      try {
        co_await peer.write_all(text);
        ++others;
      } catch (const std::system_error& error) {
        const bool is_reset = error.code() == std::errc::connection_reset || error.code() == std::errc::broken_pipe;
        ++(is_reset ? resets : others);
      }
    };
    int made = 0;
    const auto read_a_bit_and_reset = [&]() -> rm::task<> {
      while (made < count) {
        ++made;
        rm::tcp_stream stream = co_await connect_to(listener);
        reset_on_close(stream);
        std::array<std::byte, 100> buffer;
        co_await stream.read_some(buffer);
      }
    };
    const fault::stopwatch watch;
    rm::nursery server;
    co_await server.run([&]() -> rm::task<> {
      server.start([&]() -> rm::task<> {
        for (;;) server.start(std::ref(serve), co_await listener.accept());
      });
      rm::nursery peers;
      const auto all = [&]() -> rm::task<> {
        for (int i = 0; i < 20; ++i) peers.start(read_a_bit_and_reset);
        co_return;
      };
      co_await peers.run(all);
      while (server.size() > 2) co_await rm::sleep_for(1ms);
      server.cancel();
    });
    figure("%d resets in the middle of a write: %d errors, %d ended otherwise, %.0f a second", count, resets, others,
           count / watch.seconds());
    CHECK(resets == count);
    CHECK(others == 0);
  });
  CHECK(support::open_descriptors() == before);
  CHECK(rm::current_frame_statistics().live == frames_before);
}

TEST_CASE("a peer that is stopped holds up its own write and nobody else, and a time limit ends it") {
  const int before = support::open_descriptors();
  for (const auto& factory : support::all_kernels()) {
    rm::fd listening = support::listening_socket();
    const fault::other_process stopped([&] { return connect_and_sleep(listening); });
    const auto body = [&]() -> rm::task<> {
      rm::tcp_stream of_stopped(co_await rm::accept_op(listening));
      kill(stopped.id(), SIGSTOP);
      auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
      const std::string text(64 << 20, 'x');
      rm::nursery all;
      const auto limit = fault::is_long() ? 5s : 500ms;
      rm::duration slowest{};
      int rounds = 0;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> { co_await echo_peer(co_await listener.accept()); });
        rm::tcp_stream client = co_await connect_to(listener);
        bool cut = false;
        all.start([&]() -> rm::task<> {
          cut = !co_await rm::move_on_after(limit, of_stopped.write_all(text));
          all.cancel();
        });
        std::array<std::byte, 1> byte{};
        for (;;) {
          const rm::time_point sent = rm::loop::current().now();
          co_await client.write_all(byte);
          co_await client.read_some(byte);
          slowest = std::max(slowest, rm::loop::current().now() - sent);
          ++rounds;
        }
      });
      figure("a stopped peer: %d round trips of another connection meanwhile, the slowest took %.1f ms", rounds,
             std::chrono::duration<double, std::milli>(slowest).count());
      CHECK(rounds > 10);
    };
    rm::run_on(factory.make(), body());
  }
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a slow peer gets everything, a little at a time") {
  support::on_each_kernel([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const std::size_t size = fault::is_long() ? std::size_t{256} << 20 : std::size_t{8} << 20;
    std::size_t got = 0;
    const auto read_slowly = [&](rm::tcp_stream stream) -> rm::task<> {
      std::vector<std::byte> buffer(1 << 20);
      while (const std::size_t n = co_await stream.read_some(buffer)) {
        got += n;
        co_await rm::sleep_for(1ms);
      }
    };
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> { co_await read_slowly(co_await listener.accept()); });
      rm::tcp_stream stream = co_await connect_to(listener);
      const std::string text(size, 'x');
      const fault::stopwatch watch;
      co_await rm::with_timeout(120s, stream.write_all(text));
      figure("a slow peer: %zu MiB in one write, taken in %.2f s", size >> 20, watch.seconds());
    });
    CHECK(got == size);
  });
}
