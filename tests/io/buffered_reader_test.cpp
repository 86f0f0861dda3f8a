#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <ringmill/io/buffered.hpp>
#include <ringmill/io/testing_stream.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>

#include "../support/run.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using rm::testing::connected_streams;
using rm::testing::memory_options;
using rm::testing::memory_stream;
using support::text_of;

namespace {

static_assert(rm::readable_stream<rm::buffered_reader<memory_stream>>);

rm::task<std::optional<std::string>> next_line(rm::buffered_reader<memory_stream>& reader) {
  const std::optional<std::string_view> line = co_await reader.read_line();
  if (!line) co_return std::nullopt;
  co_return std::string(*line);
}

}  // namespace

TEST_CASE("read_line gives lines that end with LF or CRLF, wherever they are split") {
  const std::string text = "one\ntwo\r\n\n\r\nth\rree\n";
  for (std::size_t most = 1; most <= text.size(); ++most) {
    CAPTURE(most);
    auto body = [&]() -> rm::task<> {
      auto [client, server] = connected_streams(memory_options().most_per_read(most));
      co_await client.write_all(text);
      client.shutdown_write();
      rm::buffered_reader reader(server, 10);
      std::vector<std::string> lines;
      while (auto line = co_await reader.read_line()) lines.emplace_back(*line);
      CHECK(lines == std::vector<std::string>{"one", "two", "", "", "th\rree"});
      CHECK(reader.at_end());
      const auto again = co_await next_line(reader);
      CHECK(!again);
    };
    support::run(body());
  }
}

TEST_CASE("read_until finds delimiters of several bytes, wherever they are split") {
  const std::string text = "a--b---c--";
  for (std::size_t most = 1; most <= text.size(); ++most) {
    CAPTURE(most);
    auto body = [&]() -> rm::task<> {
      auto [client, server] = connected_streams(memory_options().most_per_read(most));
      co_await client.write_all(text);
      client.shutdown_write();
      rm::buffered_reader reader(server);
      std::vector<std::string> parts;
      std::string part;
      while (co_await reader.read_until("--", part)) parts.push_back(part);
      CHECK(parts == std::vector<std::string>{"a", "b", "-c"});
    };
    support::run(body());
  }
}

TEST_CASE("a line that is too long is an error that loses nothing") {
  auto body = []() -> rm::task<> {
    for (const char* end : {"\n", "\r\n"}) {
      auto [client, server] = connected_streams();
      co_await client.write_all("12345");
      co_await client.write_all(end);
      rm::buffered_reader reader(server, 16);
      try {
        co_await reader.read_line(4);
        FAIL("five are more than four");
      } catch (const rm::too_long_error& error) {
        CHECK(error.what() == std::string("a line is longer than 4 bytes"));
      }
      const auto line = co_await reader.read_line(5);
      CHECK(line.value() == "12345");
    }
    // Without an end in sight, too: nobody has to send one.
    auto [client, server] = connected_streams();
    co_await client.write_all(std::string(100, 'x'));
    rm::buffered_reader reader(server, 16);
    CHECK_THROWS_AS(co_await reader.read_line(), rm::too_long_error);
    CHECK(reader.buffered().size() == 16);
    CHECK_THROWS_AS(co_await reader.read_until("--", 3), rm::too_long_error);
  };
  support::run(body());
}

TEST_CASE("a line of exactly the limit is one, whichever end it has, and however it comes") {
  for (const std::string end : {"\n", "\r\n"}) {
    for (const std::size_t most : {1, 100}) {
      auto body = [&]() -> rm::task<> {
        auto [client, server] = connected_streams(memory_options().most_per_read(most));
        co_await client.write_all("12345678" + end);
        rm::buffered_reader reader(server, 10);
        const auto line = co_await next_line(reader);
        CHECK(line == "12345678");
      };
      support::run(body());
    }
  }
}

TEST_CASE("what the end of the stream cuts off is an error, and stays") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams();
    co_await client.write_all("whole\nhalf");
    client.shutdown_write();
    rm::buffered_reader reader(server);
    const auto whole = co_await next_line(reader);
    CHECK(whole == "whole");
    for (int i = 0; i < 2; ++i) {
      try {
        co_await reader.read_line();
        FAIL("half a line is none");
      } catch (const rm::end_of_stream_error& error) {
        CHECK(error.what() == std::string("the stream ended after 4 bytes, before the end of a line"));
      }
    }
    CHECK_THROWS_AS(co_await reader.read_until(";"), rm::end_of_stream_error);
    CHECK_THROWS_WITH_AS(co_await reader.read_exactly(5), "the stream ended after 4 of 5 bytes",
                         rm::end_of_stream_error);
    const auto peeked = co_await reader.peek(5);
    CHECK(text_of(peeked) == "half");
    std::uint64_t rest = 6;
    CHECK_THROWS_AS(co_await reader.skip(rest), rm::end_of_stream_error);
    CHECK(rest == 2);
    CHECK(reader.at_end());
  };
  support::run(body());
}

TEST_CASE("read_exactly, peek, consume and buffered agree on what is where") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams(memory_options().most_per_read(2));
    co_await client.write_all("abcdefghij");
    rm::buffered_reader reader(server, 6);
    const auto peeked = co_await reader.peek(3);
    CHECK(text_of(peeked) == "abcd");
    reader.consume(1);
    CHECK_THROWS_AS(reader.consume(4), std::out_of_range);
    const auto exactly = co_await reader.read_exactly(5);
    CHECK(text_of(exactly) == "bcdef");
    CHECK(reader.buffered().empty());
    const auto nothing = co_await reader.read_exactly(0);
    CHECK(nothing.empty());
  };
  support::run(body());
}

TEST_CASE("what can never fit is refused before anything is read") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams();
    co_await client.write_all("abc");
    rm::buffered_reader reader(server, 8);
    CHECK_THROWS_AS(static_cast<void>(reader.read_exactly(9)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(reader.peek(9)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(reader.read_line(7)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(reader.read_until("")), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(reader.read_until("123456789")), std::invalid_argument);
    CHECK_THROWS_AS(rm::buffered_reader(server, 0), std::invalid_argument);
    CHECK_THROWS_AS(rm::buffered_writer(server, 0), std::invalid_argument);
    CHECK(server.readable() == 3);
  };
  support::run(body());
}

TEST_CASE("a read of a reader that is being read is refused, and does not disturb") {
  auto body = []() -> rm::task<> {
    auto ends = connected_streams();
    rm::buffered_reader reader(ends.second);
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      std::optional<std::string> line;
      auto read = [&]() -> rm::task<> { line = co_await next_line(reader); };
      all.start(read);
      co_await rm::testing::all_blocked();
      CHECK_THROWS_AS(co_await reader.read_line(), std::logic_error);
      co_await ends.first.write_all("line\n");
      co_await rm::testing::all_blocked();
      CHECK(line == "line");
    });
  };
  support::run(body());
}

TEST_CASE("an error of the stream leaves what had come") {
  auto body = []() -> rm::task<> {
    auto ends = connected_streams();
    rm::buffered_reader reader(ends.second);
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> {
        co_await ends.first.write_all("half");
        co_await rm::testing::all_blocked();
        ends.first.fail();
      });
      CHECK_THROWS_AS(co_await reader.read_line(), std::system_error);
    });
    CHECK(text_of(reader.buffered()) == "half");
  };
  support::run(body());
}

TEST_CASE("a reader of a stream that is always ready lets others have their turn") {
  auto body = []() -> rm::task<> {
    auto ends = connected_streams(memory_options().most_per_read(1));
    co_await ends.first.write_all(std::string(1000, 'x') + "\n");
    rm::buffered_reader reader(ends.second);
    int turns = 0;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> {
        for (;;) {
          co_await rm::yield();
          ++turns;
        }
      });
      const auto line = co_await next_line(reader);
      CHECK(line->size() == 1000);
      all.cancel();
    });
    CHECK(turns >= 5);
  };
  support::run(body());
}
