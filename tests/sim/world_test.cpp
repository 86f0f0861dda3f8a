// Worlds of several hosts: time, latency, partitions, crashes, limits; and that a seed is a whole run.
#include <doctest/doctest.h>

#include <liburing.h>
#include <poll.h>

#include <array>
#include <cstddef>
#include <functional>
#include <memory_resource>
#include <set>
#include <string>
#include <vector>

#include <ringmill/io/io_op.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/ringmill.hpp>
#include <ringmill/runtime/frame_memory.hpp>

#include "../support/text.hpp"
#include "echo.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;
using support::contains;

namespace {

/// A server and a few clients, each on a host of its own.
void echo_program(sim::world& world, int clients, std::size_t size) {
  sim::host& server = world.host("server");
  server.start_background(serve_echo, echo_port);
  for (int number = 0; number < clients; ++number) {
    world.host("client " + std::to_string(number))
        .start(echo_client, server.at(echo_port), number, size, rm::duration(30s));
  }
}

/// Wakes nobody when it has ended.
class unheard_poll final : public rm::io_op {
 public:
  explicit unheard_poll(const rm::unix_stream& of) : descriptor_(of.native_handle()) {
    start_in_background(rm::ring::current());
  }

 private:
  void prepare(io_uring_sqe& entry) noexcept override {
    entry.opcode = IORING_OP_POLL_ADD;
    entry.fd = descriptor_;
    entry.poll32_events = POLLIN;
  }
  void completed(std::int32_t, std::uint32_t, bool) noexcept override {}

  int descriptor_;
};

std::string failure_of(std::uint64_t seed, const sim::options& how, const std::function<void(sim::world&)>& program) {
  try {
    sim::run(seed, how, program);
  } catch (const sim::failure& failed) {
    return failed.what();
  }
  return {};
}

}  // namespace

TEST_CASE("completions that did not fit are taken in the same turn, though those that did wake no task") {
  // The first two are nobody's and fill the array before the turn; the third, a task's, has to wait for room.
  const auto read_to_end = [](rm::unix_stream& from) -> rm::task<> {
    std::array<std::byte, 16> buffer;
    const std::size_t got = co_await from.read_some(buffer);
    CHECK(got == 0);
  };
  const auto program = [&](sim::world& world) {
    world.host("one").start([&]() -> rm::task<> {
      auto first = rm::unix_stream::pair();
      auto second = rm::unix_stream::pair();
      auto third = rm::unix_stream::pair();
      unheard_poll one(first.first);
      unheard_poll two(second.first);
      rm::nursery reader;
      co_await reader.run([&]() -> rm::task<> {
        reader.start(read_to_end, std::ref(third.first));
        co_await rm::sleep_for(1ms);
        for (auto* each : {&first, &second, &third}) each->second.shutdown_write();
        rm::ring::current().now();  // time passes, and the kernel completes all three
      });
    });
  };
  const auto how = sim::options().ring(rm::ring_options().entries(2).completion_entries(2)).completion_delay(0us);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    CHECK(failure_of(seed, how, program) == "");
  }
}

TEST_CASE("hosts talk to each other over a network that takes its time, and an hour of sleep takes none") {
  const sim::report how = sim::run(1, sim::options().latency(10ms, 10ms), [](sim::world& world) {
    sim::host& server = world.host("server", "10.0.0.1");
    server.start_background(serve_echo, echo_port);
    world.host("client", "10.0.0.2").start([&world, where = server.at(echo_port)]() -> rm::task<> {
      co_await rm::sleep_for(1h - 1s);
      const rm::duration before = world.age();
      rm::tcp_stream stream = co_await rm::tcp_stream::connect(where);
      const rm::duration connected = world.age();
      co_await exchange(stream, 1, 5);
      CHECK(connected - before >= 20ms);
      CHECK(connected - before < 21ms);
      CHECK(world.age() - connected >= 20ms);
      CHECK(world.age() - connected < 22ms);
    });
  });
  CHECK(how.length > 59min);
  CHECK(how.faults.empty());
}

TEST_CASE("the same seed is the same run, and another seed another one") {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto program = [](sim::world& world) { echo_program(world, 3, 100); };
    const sim::options how = sim::options::swarm(seed).faults_until(20s);
    const sim::report first = sim::run(seed, how, program);
    const sim::report second = sim::run(seed, how, program);
    CHECK(first.hash == second.hash);
    CHECK(first.operations == second.operations);
    CHECK(first.length == second.length);
    hashes.insert(first.hash);
  }
  CHECK(hashes.size() == 20);
}

TEST_CASE("where the frames are in memory makes no difference to a run, with answers to cancels that come late") {
  const auto program = [](sim::world& world) {
    world.host("one").start([&world]() -> rm::task<> {
      auto [reader, writer] = rm::make_pipe();
      std::array<std::byte, 10> buffer{};
      const auto read = [&]() -> rm::task<> { co_await reader.read_some(buffer); };
      for (int round = 0; round < 200; ++round) {
        co_await writer.write_all("x");  // so it ends, most often before its cancel
        rm::nursery all;
        co_await all.run([&]() -> rm::task<> {
          all.start(read);
          for (auto turns = world.random().below(4); turns > 0; --turns) co_await rm::yield();
          all.cancel();
        });
      }
    });
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const sim::options how = sim::options().fault(sim::fault::late_cancel, 500);
    const sim::report reused = sim::run(seed, how, program);
    std::pmr::monotonic_buffer_resource each_elsewhere;
    rm::set_frame_memory(&each_elsewhere);
    const sim::report elsewhere = sim::run(seed, how, program);
    rm::set_frame_memory(nullptr);
    CHECK(reused.hash == elsewhere.hash);
  }
}

TEST_CASE("what is sent while hosts are cut off from each other arrives when that is healed, in order") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    sim::run(seed, sim::options(), [](sim::world& world) {
      sim::host& server = world.host("server");
      sim::host& client = world.host("client");
      server.start_background(serve_echo, echo_port);
      client.start([&]() -> rm::task<> {
        rm::tcp_stream stream = co_await rm::tcp_stream::connect(server.at(echo_port));
        co_await exchange(stream, 1, 100);
        world.partition(server, client);
        const rm::duration cut = world.age();
        rm::nursery both;
        co_await both.run([&]() -> rm::task<> {
          both.start([&]() -> rm::task<> {
            co_await rm::sleep_for(5s);
            world.heal(server, client);
          });
          co_await exchange(stream, 2, 10'000);
        });
        CHECK(world.age() - cut > 5s);
        CHECK(world.age() - cut < 7s);
      });
    });
  }
}

TEST_CASE("what is sent to a host that is cut off fails when its user timeout is over") {
  sim::run(3, sim::options(), [](sim::world& world) {
    sim::host& server = world.host("server");
    sim::host& client = world.host("client");
    server.start_background(serve_echo, echo_port);
    client.start([&]() -> rm::task<> {
      rm::tcp_stream stream = co_await rm::tcp_stream::connect(server.at(echo_port));
      stream.set(rm::tcp_options().user_timeout(30s));
      co_await exchange(stream, 1, 100);
      world.partition(server, client);
      const rm::duration cut = world.age();
      std::error_code error;
      try {
        co_await exchange(stream, 2, 100);
      } catch (const std::system_error& failed) {
        error = failed.code();
      }
      CHECK(error == std::errc::timed_out);
      CHECK(world.age() - cut >= 30s);
      CHECK(world.age() - cut < 31s);
    });
  });
}

TEST_CASE("faults and partitions end when they were told to") {
  const sim::report how =
      sim::run(3, sim::options().fault(sim::fault::reset, 1000).faults_until(10s), [](sim::world& world) {
        sim::host& server = world.host("server");
        sim::host& client = world.host("client");
        server.start_background(serve_echo, echo_port);
        world.partition(server, client);
        client.start(echo_client, server.at(echo_port), 1, std::size_t{10}, rm::duration(1s));
      });
  CHECK(how.length > 10s);
  CHECK(how.length < 20s);
}

TEST_CASE("a connect to a host that is cut off is given up after two minutes") {
  sim::run(3, sim::options(), [](sim::world& world) {
    sim::host& server = world.host("server");
    sim::host& client = world.host("client");
    server.start_background(serve_echo, echo_port);
    world.partition(server, client);
    client.start([&]() -> rm::task<> {
      std::error_code error;
      try {
        co_await rm::tcp_stream::connect(server.at(echo_port));
      } catch (const std::system_error& failed) {
        error = failed.code();
      }
      CHECK(error == std::errc::timed_out);
      CHECK(world.age() > 2min);
    });
  });
}

TEST_CASE("a host that crashes resets its connections, and serves again when it is booted") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    sim::run(seed, sim::options(), [](sim::world& world) {
      sim::host& server = world.host("server");
      server.start_background(serve_echo, echo_port);
      world.host("client").start([&]() -> rm::task<> {
        rm::tcp_stream stream = co_await rm::tcp_stream::connect(server.at(echo_port));
        co_await exchange(stream, 1, 100);
        server.crash();
        std::error_code error;
        try {
          for (;;) co_await exchange(stream, 1, 100);
        } catch (const std::system_error& failed) {
          error = failed.code();
        }
        CHECK((error == std::errc::connection_reset || error == std::errc::broken_pipe));
        CHECK_FALSE(server.is_up());
        try {
          co_await rm::tcp_stream::connect(server.at(echo_port));
        } catch (const std::system_error& failed) {
          error = failed.code();
        }
        CHECK(error == std::errc::host_unreachable);
        server.start_background(serve_echo, echo_port);
        co_await echo_client(server.at(echo_port), 1, 100, 10s);
      });
    });
  }
}

TEST_CASE("a crash while the host still goes down takes what was started meanwhile, and nothing that comes after it") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::vector<std::string> begun;
    const sim::report how = sim::run(seed, sim::options(), [&](sim::world& world) {
      sim::host& doomed = world.host("doomed");
      const auto begin = [&begun](std::string name) -> rm::task<> {
        begun.push_back(std::move(name));
        co_await rm::sleep_for(1min);
      };
      const auto end_slowly = []() -> rm::task<> {
        auto last_words = rm::shield(rm::sleep_for(1s));
        co_await std::move(last_words);
      };
      doomed.start(end_slowly);
      world.host("operator").start([&, begin]() -> rm::task<> {
        co_await rm::sleep_for(1ms);
        doomed.crash();
        doomed.start(begin, "before the turn that it dies in");
        doomed.crash();
        co_await rm::sleep_for(1ms);
        CHECK_FALSE(doomed.is_up());
        doomed.start(begin, "while it dies");
        doomed.start_background(begin, "in the background");
        doomed.crash();
        doomed.start(begin, "after the last crash");
        co_await rm::sleep_for(1min);
      });
    });
    CHECK(begun == std::vector<std::string>{"after the last crash"});
    CHECK(how.turns < 1000);  // it waits for its last task as others wait
    CHECK(how.length > 1min);
  }
}

TEST_CASE("a program that waits for ever fails with its task tree and its seed") {
  const std::string text = failure_of(42, sim::options(), [](sim::world& world) {
    world.host("server").start([]() -> rm::task<> {
      auto listener = rm::tcp_listener::bind("0.0.0.0", 80);
      co_await listener.accept();
    });
  });
  contains(text, "deadlock");
  contains(text, "accept");
  contains(text, "seed 42");
}

TEST_CASE("a program that takes too long, or spins, fails") {
  const std::string late = failure_of(1, sim::options().time_limit(1min), [](sim::world& world) {
    world.host("a").start([]() -> rm::task<> { co_await rm::sleep_for(2min); });
  });
  contains(late, "within 60");
  const std::string spinning = failure_of(1, sim::options().turn_limit(1000), [](sim::world& world) {
    world.host("a").start([]() -> rm::task<> {
      for (;;) co_await rm::yield();
    });
  });
  contains(spinning, "1000 turns");
}

TEST_CASE("an error of a program is the failure of the run, and kept") {
  try {
    sim::run(5, sim::options(), [](sim::world& world) {
      world.host("a").start([]() -> rm::task<> {
        co_await rm::sleep_for(1s);
        throw std::runtime_error("the invariant does not hold");
      });
    });
    FAIL("it did not fail");
  } catch (const sim::failure& failed) {
    contains(failed.what(), "on host a: ");
    contains(failed.what(), "the invariant does not hold");
    CHECK_THROWS_AS(std::rethrow_exception(failed.cause()), std::runtime_error);
  }
}

TEST_CASE("a world's own random numbers are the same for the same seed") {
  std::vector<std::uint64_t> drawn;
  for (int i = 0; i < 2; ++i) {
    sim::run(9, sim::options(), [&](sim::world& world) { drawn.push_back(world.random()()); });
  }
  CHECK(drawn[0] == drawn[1]);
}

TEST_CASE("two hosts cannot have one address, and a loopback address is none") {
  sim::run(1, sim::options(), [](sim::world& world) {
    world.host("a", "10.1.0.1");
    CHECK_THROWS_AS(world.host("b", "10.1.0.1"), std::invalid_argument);
    CHECK_THROWS_AS(world.host("c", "127.0.0.1"), std::invalid_argument);
    CHECK_THROWS_AS(world.host("d", "somewhere"), std::invalid_argument);
  });
}
