// What a TCP connection does of which one direction has ended (shutdown(2)).
#include <poll.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("half close: the other direction goes on") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.shutdown(both.client, SHUT_WR);
        co_await here.run(receive(both.server, 16));
        co_await here.run(send(both.server, "answer"));
        co_await here.run(receive(both.client, 16));
      },
      {"shutdown: 0", "receive: 0", "send: 6", "receive: 6 \"answer\""});
}

TEST_CASE("half close: who has ended its direction cannot send") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.shutdown(both.client, SHUT_WR);
        co_await here.run(send(both.client, "more"));
      },
      {"shutdown: 0", "send: EPIPE"});
}

TEST_CASE("half close: what was sent before it arrives before the end") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(send(both.client, "last"));
        here.shutdown(both.client, SHUT_WR);
        co_await here.run(receive(both.server, 16));
        co_await here.run(receive(both.server, 16));
      },
      {"send: 4", "shutdown: 0", "receive: 4 \"last\"", "receive: 0"});
}

TEST_CASE("half close: it ends a receive of the peer's that waits, and not one of its own") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& own = here.start(receive(both.client, 16).named("own"));
        raw_op& of_peer = here.start(receive(both.server, 16).named("peer's"));
        co_await here.settle();
        here.shutdown(both.client, SHUT_WR);
        co_await here.end_of(of_peer);
        here.tell_state(own);
      },
      {"shutdown: 0", "peer's: 0", "own: pending"});
}

TEST_CASE("half close: a shutdown for reading ends a receive that waits") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(receive(both.server, 16));
        co_await here.settle();
        here.shutdown(both.server, SHUT_RD);
        co_await here.end_of(waiting);
        co_await here.run(receive(both.server, 16));
      },
      {"shutdown: 0", "receive: 0", "receive: 0"});
}

TEST_CASE("half close: bytes that came before a shutdown for reading are still read") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(send(both.client, "kept"));
        co_await here.quietly(poll(both.server, POLLIN));
        here.shutdown(both.server, SHUT_RD);
        co_await here.run(receive(both.server, 16));
        co_await here.run(receive(both.server, 16));
      },
      {"send: 4", "shutdown: 0", "receive: 4 \"kept\"", "receive: 0"});
}

TEST_CASE("half close: a shutdown for reading does not stop the peer") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.shutdown(both.server, SHUT_RD);
        co_await here.run(send(both.client, "heard"));
        co_await here.run(receive(both.server, 5, MSG_WAITALL | MSG_DONTWAIT).named("whatever is there"));
        co_await here.run(send(both.server, "sent"));
        co_await here.run(receive(both.client, 16));
      },
      {"shutdown: 0", "send: 5", "whatever is there: 5 \"heard\"", "send: 4", "receive: 4 \"sent\""});
}

TEST_CASE("half close: both directions are ended one by one") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.shutdown(both.client, SHUT_WR);
        co_await here.run(receive(both.server, 16));
        here.shutdown(both.server, SHUT_WR);
        co_await here.run(receive(both.client, 16));
        co_await here.run(send(both.server, "late"));
      },
      {"shutdown: 0", "receive: 0", "shutdown: 0", "receive: 0", "send: EPIPE"});
}

TEST_CASE("half close: the same direction can be ended twice") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.shutdown(both.client, SHUT_WR);
        here.shutdown(both.client, SHUT_WR);
      },
      {"shutdown: 0", "shutdown: 0"});
}

TEST_CASE("half close: as an operation it does the same") {
  conforms(
      [](scene& here) -> rm::task<> {
        here.needs(34, "IORING_OP_SHUTDOWN");
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(receive(both.client, 16));
        co_await here.settle();
        co_await here.run(shut_down(both.client, SHUT_RDWR));
        co_await here.end_of(waiting);
        co_await here.run(receive(both.server, 16));
        co_await here.run(send(both.client, "late"));
      },
      {"shutdown: 0", "receive: 0", "receive: 0", "send: EPIPE"});
}

TEST_CASE("half close: a socket that is not connected cannot be shut down") {
  conforms(
      [](scene& here) -> rm::task<> {
        here.shutdown(here.tcp_socket(), SHUT_RDWR);
        here.shutdown(here.udp_socket(), SHUT_RDWR);
        co_return;
      },
      {"shutdown: ENOTCONN", "shutdown: ENOTCONN"});
}

TEST_CASE("half close: an unknown direction is refused") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.shutdown(both.client, 7);
      },
      {"shutdown: EINVAL"});
}

}  // namespace conformance
