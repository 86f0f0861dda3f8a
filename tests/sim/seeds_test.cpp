// Programs by seeds: each must end well, or at least do no harm, whatever goes wrong. RINGMILL_SIM_SEEDS says how many.
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include <ringmill/io/sim/search.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/ringmill.hpp>

#include "echo.hpp"
#include "seeds.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;

namespace {

/// Clients that are cut off and a server that crashes, for a time.
void echo_under_attack(sim::world& world) {
  sim::host& server = world.host("server");
  server.start_background(serve_echo, echo_port);
  const int clients = 1 + static_cast<int>(world.random().below(4));
  for (int number = 0; number < clients; ++number) {
    const std::size_t size = 1 + world.random().below(400);
    sim::host& client = world.host("client " + std::to_string(number));
    client.start(echo_client, server.at(echo_port), number, size, rm::duration(10s));
  }
  world.host("attacker").start([&world, &server, clients]() -> rm::task<> {
    for (int round = 0; round < 3; ++round) {
      co_await rm::sleep_for(std::chrono::milliseconds(world.random().below(1000)));
      sim::host& client = world.host("client " + std::to_string(world.random().below(clients)));
      if (world.random().chance(700)) {
        world.partition(server, client);
        co_await rm::sleep_for(std::chrono::milliseconds(world.random().below(20'000)));
        world.heal(server, client);
      } else {
        server.crash();
        server.start_background(serve_echo, echo_port);
      }
    }
  });
}

/// Random sleepers, channels and nurseries on one host, beside streams inside of it.
rm::task<> read_pattern(rm::unix_stream& reader, std::size_t total, rm::channel<std::size_t>& sizes) {
  std::vector<std::byte> buffer(77);
  std::size_t got = 0;
  while (const std::size_t n = co_await reader.read_some(buffer)) {
    for (std::size_t at = 0; at < n; ++at) {
      if (buffer[at] != static_cast<std::byte>((got + at) % 251)) throw std::logic_error("other bytes than were sent");
    }
    got += n;
  }
  if (got != total) throw std::logic_error("the stream has ended early");
  co_await sizes.send(std::move(got));
}

rm::task<> random_branch(sim::world& world, int depth) {
  auto [one, other] = rm::unix_stream::pair();
  rm::channel<std::size_t> sizes(world.random().below(3));
  rm::nursery group;
  co_await group.run([&, &writer = one, &reader = other]() -> rm::task<> {
    const std::uint64_t children = world.random().below(3);
    for (std::uint64_t i = 0; i < children && depth > 0; ++i) {
      group.start([&world, depth]() -> rm::task<> {
        auto child = random_branch(world, depth - 1);
        co_await rm::move_on_after(std::chrono::microseconds(world.random().below(5000)), std::move(child));
      });
    }
    co_await rm::sleep_for(std::chrono::microseconds(world.random().below(3000)));
    const std::size_t total = 1 + world.random().below(500);
    group.start(read_pattern, std::ref(reader), total, std::ref(sizes));
    std::vector<std::byte> sent(total);
    for (std::size_t at = 0; at < total; ++at) sent[at] = static_cast<std::byte>(at % 251);
    co_await writer.write_all(sent);
    writer.shutdown_write();
    const std::optional<std::size_t> size = co_await sizes.receive();
    if (size != total) throw std::logic_error("the channel gave another size");
  });
}

void random_programs(sim::world& world) {
  world.host("one").start([&world]() -> rm::task<> {
    auto root = random_branch(world, 3);
    co_await std::move(root);
  });
}

/// Many clients at once for a listener with a short backlog; no descriptor is left in the end.
void accept_storm(sim::world& world) {
  sim::host& server = world.host("server");
  server.start([&world, &server]() -> rm::task<> {
    rm::tcp_listener listener = co_await listen_at_last(echo_port);
    const int before = server.descriptors();
    for (int round = 0; round < 30; ++round) {
      const auto limit = std::chrono::microseconds(world.random().below(3000));
      std::optional<rm::tcp_stream> peer = co_await rm::move_on_after(limit, listener.accept());
    }
    if (server.descriptors() != before) throw std::logic_error("an accepted socket was left open");
  });
  for (int number = 0; number < 3; ++number) {
    world.host("client " + std::to_string(number)).start_background([where = server.at(echo_port)]() -> rm::task<> {
      for (;;) {
        try {
          rm::tcp_stream stream = co_await rm::tcp_stream::connect(where);
        } catch (const std::system_error&) {
        }
        co_await rm::sleep_for(100us);
      }
    });
  }
}

/// Datagrams may be lost, doubled and late, but never changed.
void datagrams(sim::world& world) {
  sim::host& server = world.host("server");
  server.start_background([]() -> rm::task<> {
    auto socket = rm::udp_socket::bind("0.0.0.0", echo_port);
    std::array<std::byte, 100> buffer;
    for (;;) {
      const rm::received_datagram got = co_await socket.receive_from(buffer);
      co_await socket.send_to(got.bytes_in(buffer, 0), got.peer);
    }
  });
  // It is asked when it is there.
  world.host("client").start([&world, where = server.at(echo_port)]() -> rm::task<> {
    co_await rm::sleep_for(1s);
    auto socket = co_await rm::udp_socket::connect(where);
    std::array<std::byte, 100> buffer;
    for (int number = 0; number < 20; ++number) {
      const std::string sent(1 + world.random().below(99), static_cast<char>('a' + number));
      co_await socket.send(sent);
      const auto got = co_await rm::move_on_after(20ms, socket.receive_from(buffer));
      if (!got) continue;
      const std::span<std::byte> bytes = got->bytes_in(buffer, 0);
      for (const std::byte each : bytes) {
        if (each != bytes[0] || each > std::byte{'z'}) throw std::logic_error("a datagram was changed");
      }
    }
  });
}

}  // namespace

TEST_CASE("clients get their echo once faults have stopped, whatever happened before") {
  check_seeds("echo under attack", 600, liveness, echo_under_attack);
}

TEST_CASE("random programs of nurseries, channels and streams end well") {
  check_seeds("random programs", 600, safety, random_programs);
}

TEST_CASE("accepts that are cut off lose no descriptor") { check_seeds("accept storm", 400, safety, accept_storm); }

TEST_CASE("datagrams come unchanged or not at all") {
  const auto how = [](std::uint64_t seed) { return liveness(seed).fault(sim::fault::no_descriptor, 0); };
  check_seeds("datagrams", 400, how, datagrams);
}
