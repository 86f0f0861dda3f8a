// Two Unix sockets that were made for each other (socketpair(2)).
#include <sys/socket.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("socketpair: bytes that are pending at a close are read before the end") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "hello"));
        here.close(both.left);
        co_await here.run(receive(both.right, 16));
        co_await here.run(receive(both.right, 16));
      },
      {"send: 5", "close: 0", "receive: 5 \"hello\"", "receive: 0"});
}

TEST_CASE("socketpair: to close with unread bytes resets the other") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "unread"));
        here.close(both.right);
        co_await here.run(receive(both.left, 16));
        co_await here.run(receive(both.left, 16));
      },
      {"send: 6", "close: 0", "receive: ECONNRESET", "receive: 0"});
}

TEST_CASE("socketpair: who sends to a peer that has closed has a broken pipe at once") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        here.close(both.right);
        co_await here.run(send(both.left, "hello"));
        co_await here.run(receive(both.left, 16));
      },
      {"close: 0", "send: EPIPE", "receive: 0"});
}

TEST_CASE("socketpair: half closed, the other direction goes on") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        here.shutdown(both.left, SHUT_WR);
        co_await here.run(receive(both.right, 16));
        co_await here.run(send(both.right, "answer"));
        co_await here.run(receive(both.left, 16));
        co_await here.run(send(both.left, "more"));
      },
      {"shutdown: 0", "receive: 0", "send: 6", "receive: 6 \"answer\"", "send: EPIPE"});
}

TEST_CASE("socketpair: a shutdown for reading stops the peer from sending, unlike TCP") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "before"));
        here.shutdown(both.right, SHUT_RD);
        co_await here.run(send(both.left, "after"));
        co_await here.run(receive(both.right, 16));
        co_await here.run(receive(both.right, 16));
      },
      {"send: 6", "shutdown: 0", "send: EPIPE", "receive: 6 \"before\"", "receive: 0"});
}

TEST_CASE("socketpair: a send waits for room, and goes on when there is some") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const int filled = co_await here.fill(both.left);
        raw_op& sending = here.start(send(both.left, "last"));
        co_await here.settle();
        here.tell_state(sending);
        co_await here.drain(both.right, filled);
        co_await here.end_of(sending);
        co_await here.run(receive(both.right, 16));
      },
      {"send: pending", "send: 4", "receive: 4 \"last\""});
}

TEST_CASE("socketpair: a full one says that a send would have to wait") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        co_await here.fill(both.left);
        co_await here.run(send(both.left, "x", MSG_DONTWAIT));
      },
      {"send: EAGAIN"});
}

TEST_CASE("socketpair: the peer's close ends a send that waits for room") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        co_await here.fill(both.left);
        raw_op& sending = here.start(send(both.left, "x"));
        co_await here.settle();
        here.close(both.right);
        // Its reset for the bytes that nobody has read, or the pipe that it broke.
        co_await sending.end();
        const bool has_failed = sending.last_result() == -ECONNRESET || sending.last_result() == -EPIPE;
        here.note("failed", has_failed);
      },
      {"close: 0", "failed: yes"});
}

TEST_CASE("socketpair: packets keep their bounds, and their end is told by a close") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair(SOCK_SEQPACKET);
        co_await here.run(send(both.left, "one"));
        co_await here.run(send(both.left, "twotwo"));
        here.close(both.left);
        co_await here.run(receive_message(both.right, 16));
        co_await here.run(receive_message(both.right, 3));
        co_await here.run(receive_message(both.right, 16));
      },
      {"send: 3", "send: 6", "close: 0", "receive: 3 \"one\"", "receive: 3 \"two\" TRUNC", "receive: 0"});
}

TEST_CASE("socketpair: only Unix sockets come in pairs") {
  conforms(
      [](scene& here) -> rm::task<> {
        int ends[2] = {-1, -1};
        here.note("internet", answer_text(here.kernel().socket_pair(AF_INET, SOCK_STREAM, 0, ends)));
        here.note("unknown", answer_text(here.kernel().socket_pair(AF_UNIX, 77, 0, ends)));
        co_return;
      },
      {"internet: EOPNOTSUPP", "unknown: EINVAL"});
}

TEST_CASE("socketpair: both are connected, and have no names") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        here.local(both.left);
        here.peer(both.left);
        here.get(both.left, SOL_SOCKET, SO_TYPE);
        here.get(both.left, SOL_SOCKET, SO_DOMAIN);
        co_return;
      },
      {"local: (unnamed)", "peer: (unnamed)", "SO_TYPE: 1", "SO_DOMAIN: 1"});
}

}  // namespace conformance
