// Datagrams between processes of one host: what arrives, and what waits.
#include <doctest/doctest.h>

#include <array>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/unix_datagram.hpp>
#include <ringmill/io/unix_socket.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/error_of.hpp"
#include "../support/kernels.hpp"
#include "../support/text.hpp"
#include "../support/unix_sockets.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::error_of;
using support::fresh_name;
using support::on_each_kernel_and_simulated;
using support::text_of;

namespace {

/// Sends until the queue is full: three times in a row nothing goes in any more.
template <class Send>
rm::task<> fill_up(Send send) {
  for (int stuck = 0; stuck < 3;) {
    const bool sent = co_await rm::move_on_after(5ms, send());
    stuck = sent ? 0 : stuck + 1;
  }
}

}  // namespace

TEST_CASE("datagrams keep their bounds and their order, name their sender, and can be empty") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::unix_datagram::bind(fresh_name());
    auto client = rm::unix_datagram::bind(rm::unix_address());
    CHECK(client.local().is_abstract());
    co_await client.send_to("first", server.local());
    co_await client.send_to("", server.local());
    co_await client.send_to("0123456789", server.local());
    std::array<std::byte, 6> buffer;
    const rm::unix_message first = co_await server.receive_from(buffer);
    CHECK(text_of(std::span(buffer).first(first.size)) == "first");
    CHECK(first.peer == client.local());
    const rm::unix_message empty = co_await server.receive_from(buffer);
    CHECK(empty.size == 0);
    CHECK(empty.peer == client.local());
    const rm::unix_message cut = co_await server.receive_from(buffer);
    CHECK(cut.is_truncated());
    CHECK(cut.size == 6);
    CHECK(cut.full_size == 10);

    auto connected = co_await rm::unix_datagram::connect(std::move(client), server.local());
    CHECK(connected.peer() == server.local());
    co_await server.send_to("answer", first.peer);
    const rm::unix_message answer = co_await connected.receive_from(buffer);
    CHECK(text_of(std::span(buffer).first(answer.size)) == "answer");
    auto nameless = co_await rm::unix_datagram::connect(server.local());
    co_await nameless.send("x");
    const rm::unix_message from_nameless = co_await server.receive_from(buffer);
    CHECK(from_nameless.peer.is_unnamed());
    server.close();
    const std::error_code gone = co_await error_of(connected.send("x"));
    CHECK(gone == std::errc::connection_refused);
  });
}

TEST_CASE("a sender of datagrams waits for a slow receiver, to a peer or to an address, and loses nothing") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::unix_datagram::bind(fresh_name());
    const rm::unix_address where = server.local();
    auto connected = co_await rm::unix_datagram::connect(where);
    auto bound = rm::unix_datagram::bind(rm::unix_address());
    std::vector<std::string> got;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> {
        for (int i = 0; i < 100; ++i) co_await connected.send("a" + std::to_string(i));
      });
      all.start([&]() -> rm::task<> {
        for (int i = 0; i < 100; ++i) co_await bound.send_to("b" + std::to_string(i), where);
      });
      co_await rm::sleep_for(5ms);  // the queue holds eleven
      std::array<std::byte, 16> buffer;
      while (got.size() < 200) {
        const rm::unix_message one = co_await rm::with_timeout(5s, server.receive_from(buffer));
        got.push_back(text_of(std::span(buffer).first(one.size)));
      }
    });
    for (const char sender : {'a', 'b'}) {
      std::vector<std::string> of_one;
      std::copy_if(got.begin(), got.end(), std::back_inserter(of_one),
                   [&](const std::string& text) { return text[0] == sender; });
      REQUIRE(of_one.size() == 100);
      for (std::size_t i = 0; i < 100; ++i) CHECK(of_one[i] == sender + std::to_string(i));
    }
  });
}

TEST_CASE("a send of datagrams that waits is cancelled, or ends with its socket") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto [left, right] = rm::unix_datagram::pair();
    rm::unix_datagram& from = left;
    co_await fill_up([&]() -> rm::task<> { co_await from.send("x"); });
    CHECK(rm::ring::current().in_flight() == 0);
    std::error_code code;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { code = co_await error_of(from.send("x")); });
      co_await rm::sleep_for(1ms);
      from.close();
    });
    CHECK(code == std::errc::operation_canceled);
  });
}

TEST_CASE("a send to the address of a full queue is cancelled, or ends with its socket, while it waits to try again") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::unix_datagram::bind(fresh_name());
    const rm::unix_address where = server.local();
    auto from = rm::unix_datagram::bind(rm::unix_address());
    co_await fill_up([&]() -> rm::task<> { co_await from.send_to("x", where); });
    CHECK(rm::ring::current().in_flight() == 0);
    std::error_code code;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { code = co_await error_of(from.send_to("x", where)); });
      co_await rm::sleep_for(1ms);
      from.close();
    });
    CHECK(code == std::errc::operation_canceled);
    std::array<std::byte, 4> buffer;
    const rm::unix_message one = co_await server.receive_from(buffer);
    CHECK(one.size == 1);
  });
}
