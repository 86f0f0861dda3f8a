// What the flags of recv(2) change, and operations on no bytes at all.
#include <poll.h>
#include <sys/socket.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("flags: MSG_PEEK leaves the bytes where they are") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(send(both.client, "hello"));
        co_await here.run(receive(both.server, 2, MSG_PEEK));
        co_await here.run(receive(both.server, 16, MSG_PEEK));
        co_await here.run(receive(both.server, 16));
        co_await here.run(receive(both.server, 16, MSG_PEEK | MSG_DONTWAIT));
      },
      {"send: 5", "receive: 2 \"he\"", "receive: 5 \"hello\"", "receive: 5 \"hello\"", "receive: EAGAIN"});
}

TEST_CASE("flags: MSG_PEEK waits for the first byte") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& looking = here.start(receive(both.right, 16, MSG_PEEK));
        co_await here.settle();
        here.tell_state(looking);
        co_await here.run(send(both.left, "seen"));
        co_await here.end_of(looking);
        co_await here.run(receive(both.right, 16));
      },
      {"receive: pending", "send: 4", "receive: 4 \"seen\"", "receive: 4 \"seen\""});
}

TEST_CASE("flags: MSG_PEEK at a datagram leaves it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(send_to(one, "datagram", here.address_of(other)));
        co_await here.run(receive_message(other, 4, MSG_PEEK));
        co_await here.run(receive_message(other, 16));
      },
      {"send: 8", "receive: 4 \"data\" TRUNC", "receive: 8 \"datagram\""});
}

TEST_CASE("flags: MSG_PEEK sees the end, again and again") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.close(both.client);
        co_await here.run(receive(both.server, 16, MSG_PEEK));
        co_await here.run(receive(both.server, 16, MSG_PEEK));
        co_await here.run(receive(both.server, 16));
      },
      {"close: 0", "receive: 0", "receive: 0", "receive: 0"});
}

TEST_CASE("flags: MSG_WAITALL waits for all of it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(receive(both.server, 6, MSG_WAITALL));
        co_await here.run(send(both.client, "one"));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(send(both.client, "two"));
        co_await here.end_of(waiting);
      },
      {"send: 3", "receive: pending", "send: 3", "receive: 6 \"onetwo\""});
}

TEST_CASE("flags: the end cuts MSG_WAITALL short") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(receive(both.server, 6, MSG_WAITALL));
        co_await here.run(send(both.client, "one"));
        here.close(both.client);
        co_await here.end_of(waiting);
        co_await here.run(receive(both.server, 6, MSG_WAITALL));
      },
      {"send: 3", "close: 0", "receive: 3 \"one\"", "receive: 0"});
}

TEST_CASE("flags: MSG_WAITALL with MSG_DONTWAIT takes what is there") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "one"));
        co_await here.run(receive(both.right, 6, MSG_WAITALL | MSG_DONTWAIT));
      },
      {"send: 3", "receive: 3 \"one\""});
}

TEST_CASE("flags: of a socket of datagrams MSG_WAITALL takes one") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair(SOCK_SEQPACKET);
        co_await here.run(send(both.left, "one"));
        co_await here.run(send(both.left, "two"));
        co_await here.run(receive_message(both.right, 3, MSG_WAITALL));
        co_await here.run(receive_message(both.right, 3, MSG_WAITALL));
      },
      {"send: 3", "send: 3", "receive: 3 \"one\"", "receive: 3 \"two\""});
}

TEST_CASE("flags: a TCP receive of no bytes waits for the first one, and leaves it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(receive(both.server, 0));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(send(both.client, "x"));
        co_await here.end_of(waiting);
        co_await here.run(receive(both.server, 1));
      },
      {"receive: pending", "send: 1", "receive: 0", "receive: 1 \"x\""});
}

TEST_CASE("flags: a send of no bytes sends nothing") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(send(both.client, ""));
        co_await here.run(receive(both.server, 1, MSG_DONTWAIT));
        const pair local = here.unix_pair();
        co_await here.run(send(local.left, ""));
        co_await here.run(receive(local.right, 1, MSG_DONTWAIT));
      },
      {"send: 0", "receive: EAGAIN", "send: 0", "receive: EAGAIN"});
}

TEST_CASE("flags: a receive waits on a non-blocking socket as well") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket(SOCK_NONBLOCK);
        const int other = here.udp_socket();
        raw_op& waiting = here.start(receive(one, 16));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(send_to(other, "x", here.address_of(one)));
        co_await here.end_of(waiting);
      },
      {"receive: pending", "send: 1", "receive: 1 \"x\""});
}

TEST_CASE("flags: a send waits on a non-blocking socket as well") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair(SOCK_STREAM | SOCK_NONBLOCK);
        const int filled = co_await here.fill(both.left);
        raw_op& waiting = here.start(send(both.left, "x"));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.drain(both.right, filled);
        co_await here.end_of(waiting);
      },
      {"send: pending", "send: 1"});
}

TEST_CASE("flags: there are no urgent bytes on a socket that has none") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(receive(both.server, 1, MSG_OOB | MSG_DONTWAIT));
      },
      {"receive: EINVAL"});
}

}  // namespace conformance
