#include <doctest/doctest.h>

#include <array>
#include <string>
#include <system_error>

#include <ringmill/io/stream.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/io/testing_stream.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/run.hpp"

namespace rm = ringmill;
using rm::testing::connected_streams;
using rm::testing::memory_options;
using rm::testing::memory_stream;
using namespace std::chrono_literals;

static_assert(rm::stream<memory_stream> && rm::half_closable_stream<memory_stream>);
static_assert(rm::stream<rm::tcp_stream> && rm::half_closable_stream<rm::tcp_stream>);
static_assert(!rm::stream<int>);

namespace {

template <class Stream>
rm::task<std::string> read_up_to(Stream& from, std::size_t count) {
  std::string text(count, '\0');
  text.resize(co_await from.read_some(std::as_writable_bytes(std::span(text))));
  co_return text;
}

}  // namespace

TEST_CASE(
    "memory_stream: what one end writes the other reads, in both directions, and no more at once than is allowed") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams(memory_options().most_per_read(3));
    co_await client.write_all("hello");
    CHECK(server.readable() == 5);
    const std::string first = co_await read_up_to(server, 100);
    const std::string second = co_await read_up_to(server, 100);
    CHECK(first == "hel");
    CHECK(second == "lo");
    co_await server.write_all("yes");
    const std::string answer = co_await read_up_to(client, 2);
    CHECK(answer == "ye");
  };
  support::run(body());
}

TEST_CASE("memory_stream: a writer waits for room, and goes on as the reader reads") {
  auto body = []() -> rm::task<> {
    auto ends = connected_streams(memory_options().capacity(4));
    bool written = false;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> {
        co_await ends.first.write_all("0123456789");
        written = true;
      });
      co_await rm::testing::all_blocked();
      CHECK(!written);
      std::string got;
      while (got.size() < 10) got += co_await read_up_to(ends.second, 3);
      CHECK(got == "0123456789");
      co_await rm::testing::all_blocked();
      CHECK(written);
    });
  };
  support::run(body());
}

TEST_CASE("memory_stream: an end that dies is the end of the stream for the other, and its writes fail") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams();
    co_await client.write_all("last");
    client = memory_stream();
    const std::string last = co_await read_up_to(server, 100);
    const std::string end = co_await read_up_to(server, 100);
    CHECK(last == "last");
    CHECK(end.empty());
    try {
      co_await server.write_all("anyone?");
      FAIL("written to nobody");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::broken_pipe);
    }
  };
  support::run(body());
}

TEST_CASE("memory_stream: shutdown_write ends one direction and leaves the other open") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams();
    client.shutdown_write();
    const std::string end = co_await read_up_to(server, 1);
    CHECK(end.empty());
    co_await server.write_all("still there");
    const std::string got = co_await read_up_to(client, 100);
    CHECK(got == "still there");
    CHECK_THROWS_AS(co_await client.write_all("x"), std::system_error);
  };
  support::run(body());
}

TEST_CASE("memory_stream: fail reaches those that wait at either end") {
  auto body = []() -> rm::task<> {
    auto ends = connected_streams(memory_options().capacity(1));
    int failed = 0;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      auto read = [&]() -> rm::task<> {
        try {
          co_await read_up_to(ends.first, 1);
        } catch (const std::system_error& error) {
          failed += error.code() == std::errc::connection_reset;
        }
      };
      auto write = [&]() -> rm::task<> {
        try {
          co_await ends.first.write_all("too much");
        } catch (const std::system_error& error) {
          failed += error.code() == std::errc::connection_reset;
        }
      };
      all.start(read);
      all.start(write);
      co_await rm::testing::all_blocked();
      ends.second.fail();
    });
    CHECK(failed == 2);
  };
  support::run(body());
}

TEST_CASE("memory_stream: a second read at the same time, an end without a peer, and options of zero are refused") {
  auto body = []() -> rm::task<> {
    auto ends = connected_streams();
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> { co_await read_up_to(ends.first, 1); });
      co_await rm::testing::all_blocked();
      CHECK_THROWS_AS(co_await read_up_to(ends.first, 1), std::logic_error);
      co_await ends.second.write_all("x");
    });
    memory_stream none;
    CHECK_THROWS_AS(co_await read_up_to(none, 1), std::logic_error);
    CHECK_THROWS_AS(connected_streams(memory_options().capacity(0)), std::invalid_argument);
    CHECK_THROWS_AS(connected_streams(memory_options().most_per_read(0)), std::invalid_argument);
  };
  support::run(body());
}

TEST_CASE(
    "memory_stream: a read that is cancelled takes nothing, and a test that waits for bytes of nobody is a deadlock") {
  auto body = []() -> rm::task<> {
    auto ends = connected_streams();
    CHECK_THROWS_AS(co_await rm::with_timeout(1s, read_up_to(ends.second, 1)), rm::timeout_error);
    co_await ends.first.write_all("later");
    const std::string got = co_await read_up_to(ends.second, 100);
    CHECK(got == "later");
    co_await read_up_to(ends.second, 1);
  };
  CHECK_THROWS_AS(support::run(body()), rm::deadlock_error);
}
