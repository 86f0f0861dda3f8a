#include <doctest/doctest.h>

#include <string>
#include <system_error>

#include <ringmill/io/buffered.hpp>
#include <ringmill/io/testing_stream.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/log_capture.hpp"
#include "../support/run.hpp"
#include "../support/task_stream.hpp"

namespace rm = ringmill;
using rm::testing::connected_streams;
using rm::testing::memory_options;
using rm::testing::memory_stream;
using support::task_stream;
using namespace std::chrono_literals;

TEST_CASE("buffered_writer: small writes leave as one, in order, when it is flushed") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams();
    rm::buffered_writer writer(client, 16);
    co_await writer.write("one ");
    co_await writer.write("two ");
    CHECK(server.readable() == 0);
    CHECK(writer.buffered() == 8);
    co_await writer.flush();
    CHECK(server.readable() == 8);
    co_await writer.write("0123456789");
    co_await writer.write("abcdefghij");  // no room: what was there goes first
    CHECK(server.readable() == 18);
    CHECK(writer.buffered() == 10);
    co_await writer.write(std::string(20, 'x'));  // larger than the buffer
    CHECK(server.readable() == 48);
    CHECK(writer.buffered() == 0);
    co_await writer.flush();
    client.shutdown_write();
    const std::string got = co_await rm::read_to_end(server, 100);
    CHECK(got == "one two 0123456789abcdefghij" + std::string(20, 'x'));
  };
  support::run(body());
}

TEST_CASE("buffered_writer: bytes of writes of every size arrive, over a stream whose writes are tasks as well") {
  auto body = []() -> rm::task<> {
    auto ends = connected_streams(memory_options().capacity(5));
    task_stream out(ends.first);
    std::string all;
    auto write = [&]() -> rm::task<> {
      rm::buffered_writer writer(out, 8);
      for (std::size_t size = 0; size < 30; ++size) {
        const std::string part(size, static_cast<char>('a' + size % 26));
        all += part;
        co_await writer.write(part);
      }
      co_await writer.flush();
      ends.first.shutdown_write();
    };
    const auto both = co_await rm::when_all(write(), rm::read_to_end(ends.second, 10'000));
    CHECK(std::get<1>(both) == all);
  };
  support::run(body());
}

TEST_CASE("buffered_writer: a write that is cut off on its way breaks it, and nothing else is sent") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams(memory_options().capacity(4));
    rm::buffered_writer writer(client, 16);
    co_await writer.write("0123456789");
    const bool done = co_await rm::move_on_after(1s, writer.flush());
    CHECK(!done);
    CHECK(writer.is_broken());
    CHECK(writer.buffered() == 0);
    CHECK_THROWS_AS(co_await writer.write("x"), std::logic_error);
    CHECK_THROWS_AS(co_await writer.flush(), std::logic_error);
    CHECK(server.readable() == 4);
  };
  support::run(body());
}

TEST_CASE("buffered_writer: a cancel while nothing is on its way breaks nothing") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams();
    rm::buffered_writer writer(client, 16);
    co_await writer.write("kept");
    const bool done = co_await rm::move_on_after(0s, writer.flush());
    CHECK(!done);
    CHECK(!writer.is_broken());
    co_await writer.flush();
    CHECK(server.readable() == 4);
  };
  support::run(body());
}

TEST_CASE("buffered_writer: an error of the stream is thrown, and breaks it") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams();
    rm::buffered_writer writer(client, 16);
    co_await writer.write("text");
    server = memory_stream();
    CHECK_THROWS_AS(co_await writer.flush(), std::system_error);
    CHECK(writer.is_broken());
  };
  support::run(body());
}

TEST_CASE("buffered_writer: bytes that were forgotten are logged, those that were given up are not") {
  auto forget = [](int how) -> rm::task<> {
    auto [client, server] = connected_streams();
    rm::buffered_writer writer(client, 16);
    co_await writer.write("text");
    if (how == 1) writer.discard();
    if (how == 2) throw std::runtime_error("something else");
    if (how == 3) co_await rm::sleep_for(1h);
  };
  const auto messages = [&](int how) {
    const support::log_capture log;
    auto body = [&]() -> rm::task<> {
      try {
        co_await rm::move_on_after(1s, forget(how));
      } catch (const std::runtime_error&) {
      }
    };
    support::run(body());
    return log.text();
  };
  CHECK(messages(0).find("4 bytes that were not flushed") != std::string::npos);
  CHECK(messages(1).empty());
  CHECK(messages(2).empty());
  CHECK(messages(3).empty());
}
