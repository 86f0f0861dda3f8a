// Reader and writer over TCP, and together.
#include <doctest/doctest.h>

#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <ringmill/io/buffered.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/kernels.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using support::text_of;
using namespace std::chrono_literals;

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
