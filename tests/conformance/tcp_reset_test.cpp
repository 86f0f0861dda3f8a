// How a TCP connection ends with a reset: SO_LINGER of 0, bytes that nobody has read, bytes for who has gone.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "scenario.hpp"

namespace conformance {

namespace {

/// Closing `socket` resets its connection from now on (socket(7), SO_LINGER).
void reset_at_close(scene& here, int socket) {
  const linger at_once{1, 0};
  REQUIRE(here.kernel().set_option(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
}

}  // namespace

TEST_CASE("reset: a receive that waits gets it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        reset_at_close(here, both.client);
        raw_op& waiting = here.start(receive(both.server, 16));
        co_await here.settle();
        here.close(both.client);
        co_await here.end_of(waiting);
      },
      {"close: 0", "receive: ECONNRESET"});
}

TEST_CASE("reset: it is told once, then there is the end") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        reset_at_close(here, both.client);
        here.close(both.client);
        co_await here.quietly(poll(both.server, POLLHUP));
        co_await here.run(receive(both.server, 16));
        co_await here.run(receive(both.server, 16));
      },
      {"close: 0", "receive: ECONNRESET", "receive: 0"});
}

TEST_CASE("reset: bytes that were pending are read before it is told") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(send(both.client, "kept"));
        co_await here.quietly(poll(both.server, POLLIN));
        reset_at_close(here, both.client);
        here.close(both.client);
        co_await here.quietly(poll(both.server, POLLHUP));
        co_await here.run(receive(both.server, 16));
        co_await here.run(receive(both.server, 16));
      },
      {"send: 4", "close: 0", "receive: 4 \"kept\"", "receive: ECONNRESET"});
}

TEST_CASE("reset: a send tells it once, then the pipe is broken") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        reset_at_close(here, both.client);
        here.close(both.client);
        co_await here.quietly(poll(both.server, POLLHUP));
        co_await here.run(send(both.server, "hello"));
        co_await here.run(send(both.server, "hello"));
      },
      {"close: 0", "send: ECONNRESET", "send: EPIPE"});
}

TEST_CASE("reset: SO_ERROR tells it and clears it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        reset_at_close(here, both.client);
        here.close(both.client);
        co_await here.quietly(poll(both.server, POLLHUP));
        here.get(both.server, SOL_SOCKET, SO_ERROR);
        here.get(both.server, SOL_SOCKET, SO_ERROR);
        co_await here.run(receive(both.server, 16));
      },
      {"close: 0", "SO_ERROR: ECONNRESET", "SO_ERROR: 0", "receive: 0"});
}

TEST_CASE("reset: poll shows everything at once") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        reset_at_close(here, both.client);
        here.close(both.client);
        co_await here.quietly(poll(both.server, POLLHUP));
        co_await here.run(poll(both.server, POLLIN | POLLOUT | POLLRDHUP));
        here.get(both.server, SOL_SOCKET, SO_ERROR);
        co_await here.run(poll(both.server, POLLIN | POLLOUT | POLLRDHUP));
      },
      {"close: 0", "poll: 8221 IN|OUT|ERR|HUP|RDHUP", "SO_ERROR: ECONNRESET", "poll: 8213 IN|OUT|HUP|RDHUP"});
}

TEST_CASE("reset: closing with unread bytes resets the connection (RFC 2525, 2.17)") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(send(both.client, "unread"));
        co_await here.quietly(poll(both.server, POLLIN));
        here.close(both.server);
        co_await here.quietly(poll(both.client, POLLHUP));
        co_await here.run(receive(both.client, 16));
      },
      {"send: 6", "close: 0", "receive: ECONNRESET"});
}

TEST_CASE("reset: bytes for a peer that has closed are answered with a reset") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.close(both.server);
        co_await here.run(receive(both.client, 16));
        co_await here.run(send(both.client, "anyone?"));
        co_await here.quietly(poll(both.client, POLLHUP));
        co_await here.run(send(both.client, "hello?"));
        co_await here.run(receive(both.client, 16));
      },
      {"close: 0", "receive: 0", "send: 7", "send: EPIPE", "receive: 0"});
}

TEST_CASE("reset: a send that waits for room gets it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        constexpr int more_than_fits = 64 << 20;
        raw_op& sending = here.start(send_bytes(both.server, more_than_fits, MSG_WAITALL));
        co_await here.quietly(poll(both.client, POLLIN));
        here.tell_state(sending);
        reset_at_close(here, both.client);
        here.close(both.client);
        co_await sending.end();
        // What it had sent before is its result, if it had got that far: the error is the next one's.
        co_await here.run(send(both.server, "more"));
      },
      {"send: pending", "close: 0", "send: EPIPE"});
}

TEST_CASE("reset: a linger of zero after an orderly end does not disturb it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.shutdown(both.server, SHUT_WR);
        co_await here.run(receive(both.client, 16));
        here.shutdown(both.client, SHUT_WR);
        co_await here.run(receive(both.server, 16));
        reset_at_close(here, both.client);
        here.close(both.client);
        co_await here.run(receive(both.server, 16));
      },
      {"shutdown: 0", "receive: 0", "shutdown: 0", "receive: 0", "close: 0", "receive: 0"});
}

}  // namespace conformance
