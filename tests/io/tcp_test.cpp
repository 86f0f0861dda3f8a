#include <doctest/doctest.h>

#include <netinet/tcp.h>

#include <array>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/ringmill.hpp>

#include "../support/connection.hpp"
#include "../support/kernels.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::connect_to;
using support::connected;
using support::make_connection;
using support::on_each_kernel;
using support::on_each_kernel_and_simulated;

namespace {

rm::task<> echo_back(rm::tcp_stream peer) {
  std::array<std::byte, 4096> buffer;
  while (const std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
}

rm::task<std::string> read_whole_stream(rm::tcp_stream& stream) {
  std::string text;
  std::array<char, 65536> buffer;
  while (const std::size_t n = co_await stream.read_some(std::as_writable_bytes(std::span(buffer)))) {
    text.append(buffer.data(), n);
  }
  co_return text;
}

rm::task<> write_then_close(rm::tcp_stream& stream, const std::string& text) {
  co_await stream.write_all(text);
  stream.shutdown_write();
}

int option_of(int socket, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  CHECK(::getsockopt(socket, level, name, &value, &length) == 0);
  return value;
}

}  // namespace

TEST_CASE("fifty clients are echoed side by side") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    rm::nursery server;
    co_await server.run([&]() -> rm::task<> {
      server.start([&]() -> rm::task<> {
        for (;;) server.start(echo_back, co_await listener.accept());
      });
      std::vector<rm::task<>> clients;
      for (int i = 0; i < 50; ++i) {
        clients.push_back([](const rm::tcp_listener& to, int number) -> rm::task<> {
          rm::tcp_stream stream = co_await connect_to(to);
          const std::string sent = "message of client " + std::to_string(number);
          for (int round = 0; round < 20; ++round) {
            co_await stream.write_all(sent);
            std::string got(sent.size(), '\0');
            std::size_t have = 0;
            while (have < got.size()) {
              have += co_await stream.read_some(std::as_writable_bytes(std::span(got)).subspan(have));
            }
            CHECK(got == sent);
          }
        }(listener, i));
      }
      co_await rm::when_all(std::move(clients));
      server.cancel();
    });
  });
}

TEST_CASE("ten MiB arrive whole, whatever the kernel splits") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    std::string text(10 << 20, 'x');
    for (std::size_t i = 0; i < text.size(); i += 4093) text[i] = static_cast<char>('a' + i % 26);
    const auto results = co_await rm::when_all(write_then_close(both.client, text), read_whole_stream(both.server));
    CHECK(std::get<1>(results) == text);
  });
}

TEST_CASE("a read of zero is the end of the stream, not an error") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    both.client = rm::tcp_stream();
    std::array<std::byte, 16> buffer;
    const std::size_t at_end = co_await both.server.read_some(buffer);
    CHECK(at_end == 0);
  });
}

TEST_CASE("a write to a peer that has gone throws and raises no signal") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    both.client = rm::tcp_stream();
    const std::string text(1 << 16, 'x');
    bool failed = false;
    try {
      for (int i = 0; i < 100; ++i) co_await both.server.write_all(text);
    } catch (const std::system_error& error) {
      failed = error.code() == std::errc::broken_pipe || error.code() == std::errc::connection_reset;
    }
    CHECK(failed);
  });
}

TEST_CASE("a refused connection says to whom") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    std::uint16_t port = 0;
    {
      const auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
      port = listener.port();
    }
    const rm::address nobody = *rm::address::parse("127.0.0.1", port);
    try {
      co_await rm::tcp_stream::connect(nobody);
      FAIL("connected to nobody");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::connection_refused);
      CHECK(std::string(error.what()).find(nobody.to_string()) != std::string::npos);
    }
  });
}

TEST_CASE("binding what is no address is refused") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    CHECK_THROWS_AS(rm::tcp_listener::bind("localhost.", 0), std::invalid_argument);
    co_return;
  });
}

TEST_CASE("a read that is cancelled in flight leaves later bytes in the socket") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    std::array<char, 16> buffer{};
    const auto bytes = std::as_writable_bytes(std::span(buffer));
    CHECK_THROWS_AS(co_await rm::with_timeout(5ms, both.server.read_some(bytes)), rm::timeout_error);
    co_await both.client.write_all("later");
    const std::size_t got = co_await both.server.read_some(bytes);
    CHECK(got == 5);
    CHECK(std::string(buffer.data(), 5) == "later");
  });
}

TEST_CASE("an operation that is cancelled before the kernel has seen it ends, too") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    std::array<std::byte, 16> buffer;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { co_await both.server.read_some(buffer); });
      co_await rm::yield();  // the child has prepared its entry; nothing has been submitted
      children.cancel();
    });
    CHECK(rm::ring::current().in_flight() == 0);
  });
}

TEST_CASE("a connection that is accepted for a cancelled task is closed") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    for (int i = 0; i < 100; ++i) {
      auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
      rm::nursery children;
      co_await children.run([&]() -> rm::task<> {
        children.start([&]() -> rm::task<> {
          const rm::tcp_stream accepted = co_await listener.accept();
          co_await rm::sleep_for(1h);
        });
        const rm::tcp_stream client = co_await connect_to(listener);
        if (i % 2 == 0) co_await rm::yield();
        children.cancel();
      });
    }
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a thousand reads in flight on a ring of eight entries lose nothing") {
  const auto body = []() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    const auto one_read = [](rm::tcp_stream& stream, std::size_t& total) -> rm::task<> {
      std::array<std::byte, 1> buffer;
      total += co_await stream.read_some(buffer);
    };
    std::size_t total = 0;
    rm::nursery readers;
    co_await readers.run([&]() -> rm::task<> {
      for (int i = 0; i < 1000; ++i) readers.start(one_read, std::ref(both.server), std::ref(total));
      co_await rm::sleep_for(1ms);
      co_await both.client.write_all(std::string(1000, 'x'));
    });
    CHECK(total == 1000);
    CHECK(rm::ring::current().statistics().waited > 0);
  };
  on_each_kernel_and_simulated(body, rm::ring_options().entries(8).completion_entries(16));
}

TEST_CASE("a thousand reads on a tiny ring are all cancelled") {
  const auto body = []() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    const auto one_read = [](rm::tcp_stream& stream) -> rm::task<> {
      std::array<std::byte, 1> buffer;
      co_await stream.read_some(buffer);
    };
    for (int round = 0; round < 3; ++round) {
      rm::nursery readers;
      co_await readers.run([&]() -> rm::task<> {
        for (int i = 0; i < 1000; ++i) readers.start(one_read, std::ref(both.server));
        for (int i = 0; i <= round * 2; ++i) co_await rm::yield();
        if (round == 2) co_await rm::sleep_for(1ms);
        readers.cancel();
      });
      CHECK(rm::ring::current().in_flight() == 0);
    }
  };
  on_each_kernel_and_simulated(body, rm::ring_options().entries(8).completion_entries(16));
}

TEST_CASE("a socket whose peer waits for it is a deadlock only when nothing is in flight") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    std::array<std::byte, 1> buffer;
    // In flight, so no deadlock is reported; the timeout ends it.
    CHECK_THROWS_AS(co_await rm::with_timeout(2ms, both.client.read_some(buffer)), rm::timeout_error);
  });
}

TEST_CASE("options are set on a stream, and those of a listener on what it accepts") {
  on_each_kernel([]() -> rm::task<> {
    const auto options = rm::tcp_options()
                             .no_delay(false)
                             .keepalive(30s, 10s, 3)
                             .user_timeout(15s)
                             .receive_buffer(32768)
                             .send_buffer(65536);
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0, rm::tcp_listener_options().streams(options));
    auto client = co_await rm::tcp_stream::connect(listener.local(), rm::tcp_connect_options().stream(options));
    auto server = co_await listener.accept();
    for (const rm::tcp_stream* stream : {&client, &server}) {
      const int socket = stream->native_handle();
      CHECK(option_of(socket, IPPROTO_TCP, TCP_NODELAY) == 0);
      CHECK(option_of(socket, SOL_SOCKET, SO_KEEPALIVE) == 1);
      CHECK(option_of(socket, IPPROTO_TCP, TCP_KEEPIDLE) == 30);
      CHECK(option_of(socket, IPPROTO_TCP, TCP_KEEPINTVL) == 10);
      CHECK(option_of(socket, IPPROTO_TCP, TCP_KEEPCNT) == 3);
      CHECK(option_of(socket, IPPROTO_TCP, TCP_USER_TIMEOUT) == 15000);
      CHECK(option_of(socket, SOL_SOCKET, SO_RCVBUF) == 2 * 32768);
      CHECK(option_of(socket, SOL_SOCKET, SO_SNDBUF) == 2 * 65536);
    }
    client.set(rm::tcp_options().no_keepalive().no_delay());
    CHECK(option_of(client.native_handle(), SOL_SOCKET, SO_KEEPALIVE) == 0);
    CHECK(option_of(client.native_handle(), IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(option_of(client.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT) == 15000);
  });
}

TEST_CASE("options that make no sense are refused before anything is done") {
  CHECK_THROWS_AS(rm::tcp_options().keepalive(0s, 10s, 3), std::invalid_argument);
  CHECK_THROWS_AS(rm::tcp_options().keepalive(30s, 32768s, 3), std::invalid_argument);
  CHECK_THROWS_WITH_AS(rm::tcp_options().keepalive(30s, 10s, 128), "tcp_options: 128 is no number of probes: 1 to 127",
                       std::invalid_argument);
  CHECK_THROWS_AS(rm::tcp_options().user_timeout(-1ms), std::invalid_argument);
  CHECK_THROWS_AS(rm::tcp_options().user_timeout(std::chrono::hours(1000)), std::invalid_argument);
  CHECK_THROWS_AS(rm::tcp_options().send_buffer(0), std::invalid_argument);
  on_each_kernel_and_simulated([]() -> rm::task<> {
    CHECK_THROWS_AS(rm::tcp_listener::bind("127.0.0.1", 0, rm::tcp_listener_options().v6_only()),
                    std::invalid_argument);
    const auto from_v6 = rm::tcp_connect_options().from(*rm::address::parse("::1", 0));
    CHECK_THROWS_AS(static_cast<void>(rm::tcp_stream::connect(*rm::address::parse("127.0.0.1", 1), from_v6)),
                    std::invalid_argument);
    co_return;
  });
}

TEST_CASE("a connection comes from the address that was asked for") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address any_port = *rm::address::parse("127.0.0.2", 0);
    auto client = co_await rm::tcp_stream::connect(listener.local(), rm::tcp_connect_options().from(any_port));
    auto server = co_await listener.accept();
    CHECK(server.peer().host() == "127.0.0.2");
    CHECK(server.peer() == client.local());
    try {
      const auto foreign = rm::tcp_connect_options().from(*rm::address::parse("192.0.2.1", 0));
      static_cast<void>(rm::tcp_stream::connect(listener.local(), foreign));
      FAIL("bound to a foreign address");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::address_not_available);
      CHECK(std::string(error.what()).find("bind 192.0.2.1:0") != std::string::npos);
    }
  });
}

TEST_CASE("listeners that agree to it share a port, and others do not") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const auto shared = rm::tcp_listener_options().reuse_port();
    auto first = rm::tcp_listener::bind("127.0.0.1", 0, shared);
    auto second = rm::tcp_listener::bind(first.local(), shared);
    CHECK(second.port() == first.port());
    CHECK_THROWS_AS(rm::tcp_listener::bind(first.local()), std::system_error);
    co_return;
  });
}

TEST_CASE("an IPv6 listener takes IPv4 clients or not, as it was told") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto both = rm::tcp_listener::bind("::", 0, rm::tcp_listener_options().v6_only(false));
    auto client = co_await rm::tcp_stream::connect(*rm::address::parse("127.0.0.1", both.port()));
    auto server = co_await both.accept();
    CHECK(server.peer().host() == "::ffff:127.0.0.1");
    CHECK(rm::is_loopback(server.peer()));

    auto six = rm::tcp_listener::bind("::", 0, rm::tcp_listener_options().v6_only());
    const rm::address four = *rm::address::parse("127.0.0.1", six.port());
    CHECK_THROWS_AS(co_await rm::tcp_stream::connect(four), std::system_error);
  });
}

TEST_CASE("a close that resets is an error for the peer, a plain one is the end") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    std::array<std::byte, 16> buffer;
    connected plain;
    co_await make_connection(plain);
    plain.client.close();
    const std::size_t at_end = co_await plain.server.read_some(buffer);
    CHECK(at_end == 0);

    connected reset;
    co_await make_connection(reset);
    reset.client.set(rm::tcp_options().reset_at_close());
    reset.client.close();
    CHECK_FALSE(reset.client);
    try {
      co_await reset.server.read_some(buffer);
      FAIL("read from a connection that was reset");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::connection_reset);
    }
  });
}

TEST_CASE("closing a stream or a listener ends what waits for it") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    std::array<std::error_code, 2> codes;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> {
        try {
          co_await listener.accept();
        } catch (const std::system_error& error) {
          codes[0] = error.code();
        }
      });
      children.start([&]() -> rm::task<> {
        std::array<std::byte, 16> buffer;
        try {
          co_await both.server.read_some(buffer);
        } catch (const std::system_error& error) {
          codes[1] = error.code();
        }
      });
      co_await rm::sleep_for(1ms);
      listener.close();
      both.server.close();
    });
    CHECK(codes[0] == std::errc::operation_canceled);
    CHECK(codes[1] == std::errc::operation_canceled);
    CHECK_FALSE(listener);
    listener.close();
  });
  CHECK(support::open_descriptors() == before);
}
