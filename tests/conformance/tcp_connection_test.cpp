// What two connected TCP sockets do (tcp(7), RFC 9293).
#include <poll.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("tcp: bytes come out as they went in") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(send(both.client, "hello"));
        co_await here.run(receive(both.server, 16));
        co_await here.run(send(both.server, "good day"));
        co_await here.run(receive(both.client, 16));
      },
      {"send: 5", "receive: 5 \"hello\"", "send: 8", "receive: 8 \"good day\""});
}

TEST_CASE("tcp: a receive waits for bytes") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(receive(both.server, 16));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(send(both.client, "now"));
        co_await here.end_of(waiting);
      },
      {"receive: pending", "send: 3", "receive: 3 \"now\""});
}

TEST_CASE("tcp: a receive that may not wait says that it would have to") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(receive(both.server, 16, MSG_DONTWAIT));
      },
      {"receive: EAGAIN"});
}

TEST_CASE("tcp: a receive takes what fits, and the rest stays") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(send(both.client, "onetwo"));
        co_await here.run(receive(both.server, 3));
        co_await here.run(receive(both.server, 3));
        co_await here.run(receive(both.server, 3, MSG_DONTWAIT));
      },
      {"send: 6", "receive: 3 \"one\"", "receive: 3 \"two\"", "receive: EAGAIN"});
}

TEST_CASE("tcp: the bounds of sends are not kept") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(send(both.client, "one"));
        co_await here.run(send(both.client, "two"));
        co_await here.run(receive(both.server, 6, MSG_WAITALL));
      },
      {"send: 3", "send: 3", "receive: 6 \"onetwo\""});
}

TEST_CASE("tcp: bytes that are pending when the peer closes are read before the end") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(send(both.client, "hello"));
        here.close(both.client);
        co_await here.run(receive(both.server, 16));
        co_await here.run(receive(both.server, 16));
        co_await here.run(receive(both.server, 16));
      },
      {"send: 5", "close: 0", "receive: 5 \"hello\"", "receive: 0", "receive: 0"});
}

TEST_CASE("tcp: the peer's close ends a receive that waits") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(receive(both.server, 16));
        co_await here.settle();
        here.close(both.client);
        co_await here.end_of(waiting);
      },
      {"close: 0", "receive: 0"});
}

TEST_CASE("tcp: two receives that wait are both served, each with what comes once") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& one = here.start(receive(both.server, 1));
        raw_op& other = here.start(receive(both.server, 1));
        co_await here.settle();
        co_await here.run(send(both.client, "a"));
        co_await here.run(send(both.client, "a"));
        co_await here.end_of(one);
        co_await here.end_of(other);
      },
      {"send: 1", "send: 1", "receive: 1 \"a\"", "receive: 1 \"a\""});
}

TEST_CASE("tcp: a send and a receive on one socket do not wait for each other") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(receive(both.server, 16));
        co_await here.settle();
        co_await here.run(send(both.server, "out"));
        here.tell_state(waiting);
        co_await here.run(receive(both.client, 16));
        co_await here.run(send(both.client, "in"));
        co_await here.end_of(waiting);
      },
      {"send: 3", "receive: pending", "receive: 3 \"out\"", "send: 2", "receive: 2 \"in\""});
}

TEST_CASE("tcp: a MiB arrives whole, with a send that waits for room") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        constexpr int size = 1 << 20;
        raw_op& sending = here.start(send_bytes(both.client, size, MSG_WAITALL));
        co_await here.drain(both.server, size);
        co_await here.end_of(sending);
        co_await here.run(receive(both.server, 1, MSG_DONTWAIT));
      },
      {"send: 1048576", "receive: EAGAIN"});
}

TEST_CASE("tcp: bytes that were sent before the accept are there after it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        const int client = here.tcp_socket();
        co_await here.run(connect(client, here.address_of(listener)));
        co_await here.run(send(client, "early"));
        here.close(client);
        const int server = co_await here.run(accept(listener));
        co_await here.run(receive(server, 16));
        co_await here.run(receive(server, 16));
      },
      {"connect: 0", "send: 5", "close: 0", "accept: a descriptor", "receive: 5 \"early\"", "receive: 0"});
}

TEST_CASE("tcp: read and write do what receive and send do") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(write(both.client, "hello"));
        co_await here.run(read(both.server, 16));
        co_await here.run(write_vectored(both.server, "good ", "day"));
        co_await here.run(read(both.client, 16));
        here.close(both.client);
        co_await here.run(read(both.server, 16));
      },
      {"write: 5", "read: 5 \"hello\"", "write: 8", "read: 8 \"good day\"", "close: 0", "read: 0"});
}

}  // namespace conformance
