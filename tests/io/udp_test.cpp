#include <doctest/doctest.h>

#include <net/if.h>

#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>

#include <ringmill/io/udp.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/error_of.hpp"
#include "../support/kernels.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::contains;
using support::error_of;
using support::on_each_kernel;
using support::on_each_kernel_and_simulated;
using support::text_of;

namespace {

using large_buffer = std::array<std::byte, 65536>;

rm::task<std::string> receive_text(rm::udp_socket& socket) {
  std::array<std::byte, 2048> buffer;
  const rm::received_datagram got = co_await rm::with_timeout(5s, socket.receive_from(buffer));
  co_return text_of(got.bytes_in(buffer));
}

}  // namespace

TEST_CASE("a datagram arrives whole, with its sender, and can be answered, with IPv4 and IPv6") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    for (const char* host : {"127.0.0.1", "::1"}) {
      CAPTURE(host);
      auto server = rm::udp_socket::bind(host, 0);
      auto client = rm::udp_socket::bind(host, 0);
      CHECK(server.port() != 0);
      co_await client.send_to("question", server.local());
      std::array<std::byte, 64> buffer;
      const rm::received_datagram got = co_await server.receive_from(buffer);
      CHECK(text_of(got.bytes_in(buffer)) == "question");
      CHECK(got.full_size == 8);
      CHECK(got.segment_size == 8);
      CHECK(got.count() == 1);
      CHECK_FALSE(got.is_truncated());
      CHECK(got.peer == client.local());
      co_await server.send_to("answer", got.peer);
      const std::string answer = co_await receive_text(client);
      CHECK(answer == "answer");
    }
  });
}

TEST_CASE("a datagram of no bytes is a datagram, and the next one comes after it") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0);
    auto client = rm::udp_socket::bind("127.0.0.1", 0);
    co_await client.send_to("", server.local());
    co_await client.send_to("next", server.local());
    std::array<std::byte, 64> buffer;
    const rm::received_datagram empty = co_await server.receive_from(buffer);
    CHECK(empty.size == 0);
    CHECK(empty.count() == 1);
    CHECK(empty.bytes_in(buffer, 0).empty());
    CHECK(empty.peer == client.local());
    const std::string next = co_await receive_text(server);
    CHECK(next == "next");
  });
}

TEST_CASE("a buffer that is too small gets the beginning, is told the full size, and the rest is gone") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0);
    auto client = rm::udp_socket::bind("127.0.0.1", 0);
    co_await client.send_to("0123456789", server.local());
    co_await client.send_to("dropped unread", server.local());
    co_await client.send_to("next", server.local());
    std::array<std::byte, 4> buffer;
    const rm::received_datagram got = co_await server.receive_from(buffer);
    CHECK(got.is_truncated());
    CHECK(got.size == 4);
    CHECK(got.full_size == 10);
    CHECK(text_of(got.bytes_in(buffer)) == "0123");
    const rm::received_datagram none = co_await server.receive_from(std::span<std::byte>());
    CHECK(none.size == 0);
    CHECK(none.full_size == 14);
    const std::string next = co_await receive_text(server);
    CHECK(next == "next");
  });
}

TEST_CASE("the largest datagram goes through, and one byte more is an error that says how many") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0);
    auto client = rm::udp_socket::bind("127.0.0.1", 0);
    const std::string largest(65507, 'x');
    co_await client.send_to(largest, server.local());
    large_buffer buffer;
    const rm::received_datagram got = co_await server.receive_from(buffer);
    CHECK(got.size == 65507);
    try {
      co_await client.send_to(largest + "x", server.local());
      FAIL("sent");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::message_size);
      contains(error.what(), "send a datagram of 65508 bytes to " + server.local().to_string());
    }
  });
}

TEST_CASE("a connected socket sends without an address and hears its peer only") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0);
    auto stranger = rm::udp_socket::bind("127.0.0.1", 0);
    auto client = co_await rm::udp_socket::connect(server.local());
    CHECK(client.peer() == server.local());
    co_await stranger.send_to("from a stranger", client.local());
    co_await client.send("hello");
    std::array<std::byte, 64> buffer;
    const rm::received_datagram hello = co_await server.receive_from(buffer);
    CHECK(hello.peer == client.local());
    co_await server.send_to("from the server", hello.peer);
    const std::string heard = co_await receive_text(client);
    CHECK(heard == "from the server");

    auto bound = rm::udp_socket::bind("127.0.0.1", 0);
    const rm::address where = bound.local();
    auto connected = co_await rm::udp_socket::connect(std::move(bound), server.local());
    CHECK(connected.local() == where);
    CHECK(connected.peer() == server.local());
    CHECK_THROWS_AS(server.peer(), std::system_error);
  });
}

TEST_CASE("that nobody listens is an error of the next operation of a connected socket, and of one only") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto nobody = rm::udp_socket::bind("127.0.0.1", 0);
    const rm::address where = nobody.local();
    auto client = co_await rm::udp_socket::connect(where);
    nobody.close();
    co_await client.send("lost");
    std::array<std::byte, 64> buffer;
    const std::error_code received = co_await error_of(client.receive_from(buffer));
    CHECK(received == std::errc::connection_refused);
    co_await client.send("lost as well");
    const std::error_code sent = co_await error_of(client.send("not sent"));
    CHECK(sent == std::errc::connection_refused);
    auto somebody = rm::udp_socket::bind(where);
    co_await client.send("heard");
    const std::string heard = co_await receive_text(somebody);
    CHECK(heard == "heard");
  });
}

TEST_CASE("many segments arrive one by one, in order, all of the size but the last") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0, rm::udp_options().receive_buffer(4 << 20));
    auto client = co_await rm::udp_socket::connect(server.local());
    std::string data;
    while (data.size() < 150 * 1000 + 77) data.push_back(static_cast<char>('a' + data.size() / 1000 % 26));
    std::string got;
    int count = 0;
    rm::nursery both;
    co_await both.run([&]() -> rm::task<> {
      both.start([&]() -> rm::task<> {
        while (got.size() < data.size()) {
          const std::string one = co_await receive_text(server);
          CHECK((one.size() == 1000 || (got.size() + one.size() == data.size() && one.size() == 77)));
          got += one;
          ++count;
        }
      });
      co_await client.send_segments(std::as_bytes(std::span(data)), 1000);
    });
    CHECK(count == 151);
    CHECK(got == data);
  });
}

TEST_CASE("a socket that coalesces receives many segments at once, each of which can be found") {
  on_each_kernel([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0, rm::udp_options().coalesce());
    auto client = rm::udp_socket::bind("127.0.0.1", 0);
    const std::string data = std::string(100, 'a') + std::string(100, 'b') + std::string(30, 'c');
    co_await client.send_segments_to(std::as_bytes(std::span(data)), 100, server.local());
    co_await client.send_to("alone", server.local());
    large_buffer buffer;
    std::vector<std::string> got;
    std::size_t calls = 0;
    while (got.size() < 4) {
      const rm::received_datagram some = co_await rm::with_timeout(5s, server.receive_from(buffer));
      CHECK(some.peer == client.local());
      for (std::size_t i = 0; i < some.count(); ++i) got.push_back(text_of(some.bytes_in(buffer, i)));
      ++calls;
    }
    CHECK(got == std::vector<std::string>{data.substr(0, 100), data.substr(100, 100), data.substr(200), "alone"});
    MESSAGE("four datagrams in ", calls, " calls");  // two where UDP_GRO is, four where it is not
  });
}

TEST_CASE("segments that the way cannot take several at a time go one by one") {
  on_each_kernel([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0, rm::udp_options().receive_buffer(4 << 20));
    auto client = rm::udp_socket::bind("127.0.0.1", 0);
    const int on = 1;  // without checksums the kernel refuses to cut a message into segments
    REQUIRE(::setsockopt(client.native_handle(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on) == 0);
    const std::string data = std::string(500, 'a') + std::string(500, 'b') + "c";
    co_await client.send_segments_to(std::as_bytes(std::span(data)), 500, server.local());
    std::string got;
    for (int i = 0; i < 3; ++i) got += co_await receive_text(server);
    CHECK(got == data);
  });
}

TEST_CASE("segments of no size, or a size that no datagram has, are refused; no segments are none") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0);
    auto client = rm::udp_socket::bind("127.0.0.1", 0);
    const std::array<std::byte, 4> data{};
    CHECK_THROWS_AS(static_cast<void>(client.send_segments_to(data, 0, server.local())), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(client.send_segments_to(data, 65508, server.local())), std::invalid_argument);
    co_await client.send_segments_to(std::span<const std::byte>(), 100, server.local());
    co_await client.send_segments_to(data, 65507, server.local());
    const std::string first = co_await receive_text(server);
    CHECK(first.size() == 4);
  });
}

TEST_CASE("a receive that is cancelled, before its start or in flight, takes no datagram") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0);
    auto client = rm::udp_socket::bind("127.0.0.1", 0);
    std::array<std::byte, 64> buffer;
    const auto receive = [&]() -> rm::task<> { co_await server.receive_from(buffer); };
    for (int yields = 0; yields < 3; ++yields) {
      rm::nursery children;
      co_await children.run([&]() -> rm::task<> {
        children.start(receive);
        for (int i = 0; i < yields; ++i) co_await rm::yield();
        children.cancel();
      });
      CHECK(rm::ring::current().in_flight() == 0);
    }
    co_await client.send_to("kept", server.local());
    const std::string kept = co_await receive_text(server);
    CHECK(kept == "kept");
  });
}

TEST_CASE("closing a socket ends what is in flight on it, and leaves no descriptor") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0);
    std::array<std::byte, 64> buffer;
    std::error_code code;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { code = co_await error_of(server.receive_from(buffer)); });
      co_await rm::yield();
      co_await rm::yield();
      server.close();
    });
    CHECK(code == std::errc::operation_canceled);
    CHECK_FALSE(server);
    server.close();
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a send with segments left ends with its socket") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0);
    auto client = co_await rm::udp_socket::connect(server.local());
    const std::vector<std::byte> data(1 << 20);
    std::error_code code;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { code = co_await error_of(client.send_segments(data, 1000)); });
      co_await rm::yield();  // prepared, the kernel has not seen it
      client.close();
    });
    CHECK(code == std::errc::operation_canceled);
  });
}

TEST_CASE("options are set, or refused with a reason") {
  on_each_kernel([]() -> rm::task<> {
    const auto option = [](const rm::udp_socket& socket, int level, int name) {
      int value = -1;
      socklen_t length = sizeof value;
      CHECK(::getsockopt(socket.native_handle(), level, name, &value, &length) == 0);
      return value;
    };
    const auto options = rm::udp_options()
                             .broadcast()
                             .ttl(7)
                             .multicast_ttl(3)
                             .multicast_loop(false)
                             .receive_buffer(8192)
                             .send_buffer(16384)
                             .reuse_port();
    const auto v4 = rm::udp_socket::bind("127.0.0.1", 0, options);
    CHECK(option(v4, SOL_SOCKET, SO_BROADCAST) == 1);
    CHECK(option(v4, SOL_SOCKET, SO_REUSEPORT) == 1);
    CHECK(option(v4, SOL_SOCKET, SO_RCVBUF) == 2 * 8192);
    CHECK(option(v4, SOL_SOCKET, SO_SNDBUF) == 2 * 16384);
    CHECK(option(v4, IPPROTO_IP, IP_TTL) == 7);
    CHECK(option(v4, IPPROTO_IP, IP_MULTICAST_TTL) == 3);
    CHECK(option(v4, IPPROTO_IP, IP_MULTICAST_LOOP) == 0);
    const auto second = rm::udp_socket::bind(v4.local(), options);  // reuse_port lets it
    CHECK(second.local() == v4.local());
    const auto v6 = rm::udp_socket::bind("::1", 0, rm::udp_options().v6_only().ttl(9).multicast_ttl(0));
    CHECK(option(v6, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
    CHECK(option(v6, IPPROTO_IPV6, IPV6_UNICAST_HOPS) == 9);
    CHECK(option(v6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS) == 0);

    CHECK_THROWS_AS(rm::udp_options().ttl(0), std::invalid_argument);
    CHECK_THROWS_AS(rm::udp_options().multicast_ttl(256), std::invalid_argument);
    CHECK_THROWS_AS(rm::udp_options().receive_buffer(0), std::invalid_argument);
    CHECK_THROWS_AS(rm::udp_socket::bind("127.0.0.1", 0, rm::udp_options().v6_only()), std::invalid_argument);
    CHECK_THROWS_AS(rm::udp_socket::bind("localhost", 0), std::invalid_argument);
    CHECK_THROWS_AS(
        rm::udp_socket::bind(rm::udp_socket::bind("127.0.0.1", 0, rm::udp_options().reuse_port(false)).local(),
                             rm::udp_options().multicast_interface(999999)),
        std::system_error);
    co_return;
  });
}

TEST_CASE("an address that is taken is an error that names it") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const auto first = rm::udp_socket::bind("127.0.0.1", 0);
    try {
      rm::udp_socket::bind(first.local());
      FAIL("bound twice");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::address_in_use);
      contains(error.what(), "bind " + first.local().to_string());
    }
    co_return;
  });
}

TEST_CASE("who has joined a group receives what is sent to it, until it leaves") {
  on_each_kernel([]() -> rm::task<> {
    const unsigned loopback = ::if_nametoindex("lo");
    auto member = rm::udp_socket::bind("0.0.0.0", 0, rm::udp_options().reuse_address());
    const rm::address group = *rm::address::parse("239.255.77.1", member.port());
    member.join(group, loopback);
    auto sender =
        rm::udp_socket::bind("127.0.0.1", 0, rm::udp_options().multicast_interface(loopback).multicast_ttl(0));
    const std::error_code refused = co_await error_of(sender.send_to("to all", group));
    if (refused) {
      MESSAGE("multicast on the loopback interface is not to be had here: ", refused.message());
      co_return;
    }
    const std::string heard = co_await receive_text(member);
    CHECK(heard == "to all");
    member.leave(group, loopback);
    co_await sender.send_to("to those who stayed", group);
    co_await sender.send_to("to you", *rm::address::parse("127.0.0.1", member.port()));
    const std::string direct = co_await receive_text(member);
    CHECK(direct == "to you");
    CHECK_THROWS_AS(member.leave(group, loopback), std::system_error);
    CHECK_THROWS_AS(member.join(*rm::address::parse("127.0.0.1", 1), loopback), std::invalid_argument);
  });
}

TEST_CASE("what waits for a datagram says so") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::udp_socket::bind("127.0.0.1", 0);
    std::array<std::byte, 64> buffer;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { co_await server.receive_from(buffer); });
      co_await rm::yield();
      co_await rm::yield();
      contains(rm::dump_tasks(), ": receive a datagram on fd " + std::to_string(server.native_handle()));
      children.cancel();
    });
  });
}
