#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <limits>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/ring.hpp>
#include <ringmill/io/stream.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/io/testing_stream.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/kernels.hpp"
#include "../support/run.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using rm::testing::connected_streams;
using rm::testing::memory_options;
using support::bytes_of;
using namespace std::chrono_literals;

static_assert(rm::gathering_stream<rm::tcp_stream> && !rm::gathering_stream<rm::testing::memory_stream>);

namespace {

template <class Stream>
rm::task<> write_and_end(Stream& to, std::string text) {
  co_await to.write_all(text);
  to.shutdown_write();
}

}  // namespace

TEST_CASE("read_exactly fills its buffer from pieces of every size") {
  const std::string text = "0123456789";
  for (std::size_t most = 1; most <= text.size(); ++most) {
    CAPTURE(most);
    auto body = [&]() -> rm::task<> {
      auto [client, server] = connected_streams(memory_options().most_per_read(most));
      co_await client.write_all(text + "more");
      std::string got(text.size(), '\0');
      co_await rm::read_exactly(server, bytes_of(got));
      CHECK(got == text);
      CHECK(server.readable() == 4);
    };
    support::run(body());
  }
}

TEST_CASE("read_exactly says how much came when the stream ends early") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams();
    co_await write_and_end(client, "abc");
    std::string got(10, '\0');
    try {
      co_await rm::read_exactly(server, bytes_of(got));
      FAIL("filled from nothing");
    } catch (const rm::end_of_stream_error& error) {
      CHECK(error.what() == std::string("the stream ended after 3 of 10 bytes"));
      CHECK(error.received() == 3);
    }
    co_await rm::read_exactly(server, std::span<std::byte>());  // nothing is always there
  };
  support::run(body());
}

TEST_CASE("read_to_end gives all up to the limit, and not more") {
  auto body = []() -> rm::task<> {
    for (const std::size_t size : {0, 1, 4095, 4096, 4097, 50'000}) {
      auto ends = connected_streams(memory_options().most_per_read(999));
      const std::string text(size, 'x');
      const auto both = co_await rm::when_all(write_and_end(ends.first, text), rm::read_to_end(ends.second, size));
      CHECK(std::get<1>(both) == text);
    }
    auto [client, server] = connected_streams();
    co_await write_and_end(client, "abcdef");
    std::string got;
    try {
      co_await rm::read_to_end(server, got, 5);
      FAIL("there is more than the limit");
    } catch (const rm::too_long_error& error) {
      CHECK(error.what() == std::string("what comes to the end of the stream is longer than 5 bytes"));
      CHECK(error.limit() == 5);
    }
    CHECK(got == "abcdef");
    co_await rm::read_to_end(server, got, 6);  // goes on where it was
    CHECK(got == "abcdef");
    auto unlimited = connected_streams();
    co_await write_and_end(unlimited.first, "all");
    const std::string all = co_await rm::read_to_end(unlimited.second, std::numeric_limits<std::size_t>::max());
    CHECK(all == "all");
  };
  support::run(body());
}

TEST_CASE("read_to_end into a text keeps what came before a cancel, and goes on from there") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams();
    std::string got = "before, ";
    co_await client.write_all("first, ");
    const bool ended = co_await rm::move_on_after(1s, rm::read_to_end(server, got, 1000));
    CHECK(!ended);
    CHECK(got == "before, first, ");
    co_await write_and_end(client, "second");
    co_await rm::read_to_end(server, got, 1000);
    CHECK(got == "before, first, second");
  };
  support::run(body());
}

TEST_CASE("write_all writes several buffers in order, of bytes and of text") {
  auto body = []() -> rm::task<> {
    auto [client, server] = connected_streams();
    const std::array<std::byte, 2> bytes = {std::byte('c'), std::byte('d')};
    const std::string text = "ef";
    co_await rm::write_all(client, "ab", std::span(bytes), text, std::string_view("gh"));
    client.shutdown_write();
    const std::string got = co_await rm::read_to_end(server, 100);
    CHECK(got == "abcdefgh");
  };
  support::run(body());
}

TEST_CASE("the same over TCP: a megabyte in odd pieces") {
  support::on_each_kernel_and_simulated([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address where = listener.local();
    auto [client, server] = co_await rm::when_all(rm::tcp_stream::connect(where), listener.accept());
    const std::string text(1 << 20, 'x');
    auto read = [](rm::tcp_stream& from, std::string& into) -> rm::task<> {
      std::string head(12345, '\0');
      co_await rm::read_exactly(from, bytes_of(head));
      into = head;
      co_await rm::read_to_end(from, into, 1 << 20);
    };
    std::string got;
    co_await rm::when_all(write_and_end(client, text), read(server, got));
    CHECK(got == text);
  });
}

TEST_CASE("several buffers over TCP arrive in order, whatever the kernel takes at a time") {
  support::on_each_kernel_and_simulated([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address where = listener.local();
    auto [client, server] = co_await rm::when_all(rm::tcp_stream::connect(where), listener.accept());
    std::vector<std::string> parts;  // more than go at once, empty ones among them, and more than fits into a socket
    std::string all;
    for (std::size_t i = 0; i < 30; ++i) {
      parts.emplace_back(i % 3 == 0 ? 0 : i * i * i * 100, static_cast<char>('a' + i % 26));
      all += parts.back();
    }
    const std::vector<rm::const_buffer> buffers(parts.begin(), parts.end());
    auto write = [](rm::tcp_stream& to, std::span<const rm::const_buffer> what) -> rm::task<> {
      co_await to.write_all(what);
      to.shutdown_write();
    };
    const auto both = co_await rm::when_all(write(client, buffers), rm::read_to_end(server, all.size()));
    CHECK(std::get<1>(both) == all);
  });
}

TEST_CASE("several buffers of nothing do not suspend, and a peer that has gone is an error without a signal") {
  support::on_each_kernel_and_simulated([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address where = listener.local();
    auto [client, server] = co_await rm::when_all(rm::tcp_stream::connect(where), listener.accept());
    const auto started = rm::ring::current().statistics().submitted;
    co_await rm::write_all(client, "", "", "");
    CHECK(rm::ring::current().statistics().submitted == started);
    server = rm::tcp_stream();
    const std::string text(1 << 16, 'x');
    std::error_code code;
    try {
      for (int i = 0; i < 100; ++i) co_await rm::write_all(client, text, "and more");
    } catch (const std::system_error& error) {
      code = error.code();
    }
    const bool has_gone = code == std::errc::broken_pipe || code == std::errc::connection_reset;
    CHECK(has_gone);
  });
}

TEST_CASE("several buffers: cancelled at any moment, or their stream closed meanwhile, they end") {
  const int before = support::open_descriptors();
  support::on_each_kernel([]() -> rm::task<> {
    const std::string large(8 << 20, 'x');
    for (int turns = 0; turns < 4; ++turns) {
      auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
      const rm::address where = listener.local();
      auto [client, server] = co_await rm::when_all(rm::tcp_stream::connect(where), listener.accept());
      std::error_code code;
      auto write = [](rm::tcp_stream& to, const std::string& text, std::error_code& failed) -> rm::task<> {
        try {
          co_await rm::write_all(to, "head", text, text);
        } catch (const std::system_error& error) {
          failed = error.code();
        }
      };
      rm::nursery all;
      auto body = [&, &stream = client]() -> rm::task<> {
        all.start(write, std::ref(stream), std::cref(large), std::ref(code));
        for (int i = 0; i < turns; ++i) co_await rm::yield();
        if (turns == 3) {
          stream = rm::tcp_stream();
        } else {
          all.cancel();
        }
      };
      co_await all.run(body);
      CHECK(rm::ring::current().in_flight() == 0);
      CHECK(code == (turns == 3 ? std::make_error_code(std::errc::operation_canceled) : std::error_code()));
    }
  });
  CHECK(support::open_descriptors() == before);
}
