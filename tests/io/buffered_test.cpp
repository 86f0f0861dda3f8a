#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <ringmill/io/buffered.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/io/testing_stream.hpp>
#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/kernels.hpp"
#include "../support/log_capture.hpp"

namespace rm = ringmill;
using rm::testing::connected_streams;
using rm::testing::memory_options;
using rm::testing::memory_stream;
using namespace std::chrono_literals;

namespace {

/// A stream whose reads and writes are tasks, as those of TLS would be.
class task_stream {
 public:
  explicit task_stream(memory_stream& below) noexcept : below_(below) {}
  rm::task<std::size_t> read_some(std::span<std::byte> buffer) {
    co_await rm::yield();
    const std::size_t count = co_await below_.read_some(buffer);
    co_return count;
  }
  rm::task<> write_all(std::span<const std::byte> data) {
    co_await rm::yield();
    co_await below_.write_all(data);
  }

 private:
  memory_stream& below_;
};

static_assert(rm::stream<task_stream>);
static_assert(rm::readable_stream<rm::buffered_reader<memory_stream>>);
static_assert(rm::readable_stream<rm::buffered_reader<task_stream>>);

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// All that is left, by reads of three bytes.
template <class Reader>
rm::task<std::string> rest_of(Reader& reader) {
  std::string all;
  std::array<std::byte, 3> buffer;
  while (const std::size_t count = co_await reader.read_some(buffer)) all += text_of(std::span(buffer).first(count));
  co_return all;
}

/// What is sent in the tests of cancelling, and how it is read.
constexpr std::string_view sent = "ab\r\ncdefg";

/// Reads in some way, asked again whenever it is cut off, and gives what it read.
template <class Stream>
using read_function = std::function<rm::task<std::string>(rm::buffered_reader<Stream>&, rm::cancel_scope&)>;

template <class Stream>
class way_to_read {
 public:
  way_to_read(std::string expected, read_function<Stream> how) : gives(std::move(expected)), read(std::move(how)) {}
  std::string gives;
  read_function<Stream> read;
};

template <class Stream>
std::vector<way_to_read<Stream>> all_ways() {
  using reader = rm::buffered_reader<Stream>;
  std::vector<way_to_read<Stream>> ways;
  ways.emplace_back("ab", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    std::string line;
    const std::optional<bool> done = co_await scope.run(from.read_line(line));
    if (!done) co_await from.read_line(line);
    co_return line;
  });
  ways.emplace_back("ab\r\nc", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    std::string part;
    const std::optional<bool> done = co_await scope.run(from.read_until("de", part));
    if (!done) co_await from.read_until("de", part);
    co_return part;
  });
  ways.emplace_back("ab\r\ncd", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    auto part = co_await scope.run(from.read_exactly(6));
    if (!part) part.emplace(co_await from.read_exactly(6));
    co_return std::string(text_of(*part));
  });
  ways.emplace_back("ab\r\ncdefg", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    std::string all(9, '\0');  // more than the buffer
    std::span<std::byte> rest = std::as_writable_bytes(std::span(all));
    const bool done = co_await scope.run(from.read_exactly(rest));
    if (!done) co_await from.read_exactly(rest);
    CHECK(rest.empty());
    co_return all;
  });
  ways.emplace_back("", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    std::uint64_t rest = 7;
    const bool done = co_await scope.run(from.skip(rest));
    if (!done) co_await from.skip(rest);
    CHECK(rest == 0);
    co_return std::string();
  });
  ways.emplace_back("", [](reader& from, rm::cancel_scope& scope) -> rm::task<std::string> {
    auto part = co_await scope.run(from.peek(5));
    if (!part) part.emplace(co_await from.peek(5));
    CHECK(text_of(*part).substr(0, 5) == sent.substr(0, 5));
    co_return std::string();
  });
  return ways;
}

/// What follows what was read: all bytes of `sent` once, but for delimiters and what is skipped.
constexpr std::string_view rests[] = {"cdefg", "fg", "efg", "", "fg", sent};

/// `sent` comes in two parts; the read is cut off after some turns of the loop, and asked again.
template <class Stream>
rm::task<> read_with_cancel(const way_to_read<Stream>& way, std::string_view rest, std::size_t split, int turns,
                            memory_stream& client, Stream& server) {
  rm::buffered_reader reader(server, 8);
  rm::cancel_scope scope;
  rm::nursery all;
  co_await all.run([&]() -> rm::task<> {
    all.start([&]() -> rm::task<> {
      co_await rm::yield();
      co_await client.write_all(sent.substr(0, split));
      for (int i = 0; i < 3; ++i) co_await rm::yield();
      co_await client.write_all(sent.substr(split));
      co_await rm::yield();
      client.shutdown_write();
    });
    all.start([&]() -> rm::task<> {
      for (int i = 0; i < turns; ++i) co_await rm::yield();
      scope.cancel();
    });
    const std::string got = co_await way.read(reader, scope);
    CHECK(got == way.gives);
    const std::string left = co_await rest_of(reader);
    CHECK(left == rest);
    CHECK(reader.at_end());
  });
}

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
    rm::testing::run(body());
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
    rm::testing::run(body());
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
  rm::testing::run(body());
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
      rm::testing::run(body());
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
  rm::testing::run(body());
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
  rm::testing::run(body());
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
  rm::testing::run(body());
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
  rm::testing::run(body());
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
  rm::testing::run(body());
}

TEST_CASE("no byte is lost or given twice by a read that is cancelled at any moment and asked again") {
  const auto ways = all_ways<memory_stream>();
  for (std::size_t way = 0; way < ways.size(); ++way) {
    for (std::size_t split = 0; split <= sent.size(); ++split) {
      for (int turns = 0; turns < 14; ++turns) {
        for (const std::size_t most : {1, 3, 100}) {
          CAPTURE(way);
          CAPTURE(split);
          CAPTURE(turns);
          CAPTURE(most);
          auto ends = connected_streams(memory_options().most_per_read(most));
          rm::testing::run(read_with_cancel(ways[way], rests[way], split, turns, ends.first, ends.second));
        }
      }
    }
  }
}

TEST_CASE("the same over a stream whose reads are tasks") {
  const auto ways = all_ways<task_stream>();
  for (std::size_t way = 0; way < ways.size(); ++way) {
    for (std::size_t split = 0; split <= sent.size(); ++split) {
      for (int turns = 0; turns < 20; ++turns) {
        CAPTURE(way);
        CAPTURE(split);
        CAPTURE(turns);
        auto ends = connected_streams(memory_options().most_per_read(3));
        task_stream server(ends.second);
        rm::testing::run(read_with_cancel(ways[way], rests[way], split, turns, ends.first, server));
      }
    }
  }
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
  rm::testing::run(body());
}

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
  rm::testing::run(body());
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
  rm::testing::run(body());
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
  rm::testing::run(body());
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
  rm::testing::run(body());
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
  rm::testing::run(body());
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
    rm::testing::run(body());
    return log.text();
  };
  CHECK(messages(0).find("4 bytes that were not flushed") != std::string::npos);
  CHECK(messages(1).empty());
  CHECK(messages(2).empty());
  CHECK(messages(3).empty());
}

TEST_CASE("over TCP: a cancelled read_line leaves what came in the reader, and the next one gives the line") {
  const int before = support::open_descriptors();
  support::on_each_kernel([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address where = listener.local();
    auto [client, server] = co_await rm::when_all(rm::tcp_stream::connect(where), listener.accept());
    rm::buffered_reader reader(server);
    co_await client.write_all("first ");
    for (int i = 0; i < 3; ++i) {
      CHECK_THROWS_AS(co_await rm::with_timeout(2ms, reader.read_line()), rm::timeout_error);
    }
    CHECK(text_of(reader.buffered()) == "first ");
    co_await client.write_all("second\r\nthird\n");
    std::string line;
    co_await reader.read_line(line);
    CHECK(line == "first second");
    co_await reader.read_line(line);
    CHECK(line == "third");
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("over TCP: ten thousand lines and a large body, through small buffers") {
  support::on_each_kernel_and_simulated([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address where = listener.local();
    auto [client, server] = co_await rm::when_all(rm::tcp_stream::connect(where), listener.accept());
    const std::string body(300'000, 'b');
    auto write = [](rm::tcp_stream& to, const std::string& large) -> rm::task<> {
      rm::buffered_writer writer(to, 1000);
      for (int i = 0; i < 10'000; ++i) {
        co_await writer.write("line " + std::to_string(i));
        co_await writer.write(i % 2 ? "\n" : "\r\n");
      }
      co_await writer.write(large);
      co_await writer.flush();
      to.shutdown_write();
    };
    auto read = [](rm::tcp_stream& from, const std::string& large) -> rm::task<> {
      rm::buffered_reader reader(from, 64);
      int wrong = 0;
      for (int i = 0; i < 10'000; ++i) {
        const auto line = co_await reader.read_line();
        wrong += line != "line " + std::to_string(i);
      }
      CHECK(wrong == 0);
      std::string got(large.size(), '\0');
      std::span<std::byte> rest = std::as_writable_bytes(std::span(got));
      co_await reader.read_exactly(rest);
      CHECK(got == large);
      const auto end = co_await reader.read_line();
      CHECK(!end);
    };
    co_await rm::when_all(write(client, body), read(server, body));
  });
}

TEST_CASE("over TCP: a stream that is closed while its reader waits ends the read with an error") {
  support::on_each_kernel_and_simulated([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address where = listener.local();
    auto [client, server] = co_await rm::when_all(rm::tcp_stream::connect(where), listener.accept());
    rm::buffered_reader reader(server);
    std::error_code code;
    auto read = [](rm::buffered_reader<rm::tcp_stream>& from, std::error_code& failed) -> rm::task<> {
      try {
        co_await from.read_line();
      } catch (const std::system_error& error) {
        failed = error.code();
      }
    };
    auto close = [](rm::tcp_stream& which) -> rm::task<> {
      co_await rm::yield();
      which = rm::tcp_stream();
    };
    co_await rm::when_all(read(reader, code), close(server));
    CHECK(code == std::errc::operation_canceled);
  });
}

TEST_CASE("over TCP: what is buffered and what is larger than the buffer leave in one call") {
  support::on_each_kernel_and_simulated([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address where = listener.local();
    auto [client, server] = co_await rm::when_all(rm::tcp_stream::connect(where), listener.accept());
    rm::buffered_writer writer(client, 100);
    co_await writer.write("head ");
    const auto before = rm::ring::current().statistics().submitted;
    const std::string large(1000, 'x');
    co_await writer.write(large);
    CHECK(rm::ring::current().statistics().submitted == before + 1);
    CHECK(writer.buffered() == 0);
    client.shutdown_write();
    const std::string got = co_await rm::read_to_end(server, 2000);
    CHECK(got == "head " + large);
  });
}
