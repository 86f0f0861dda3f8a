// What a cancel answers, and what becomes of its target (io_uring_enter(2), IORING_OP_ASYNC_CANCEL).
#include <poll.h>
#include <sys/socket.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("cancel: of what waits: both are told, the cancel first") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& waiting = here.start(receive(both.right, 16));
        co_await here.settle();
        raw_op& request_to_cancel = here.start(cancel(waiting));
        co_await here.end_of(request_to_cancel);
        co_await here.end_of(waiting);
        here.tell_order(waiting, request_to_cancel);
      },
      {"cancel: 0", "receive: ECANCELED", "order: cancel, receive"});
}

TEST_CASE("cancel: of what was submitted with it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& waiting = here.start(receive(both.right, 16));
        raw_op& request_to_cancel = here.start(cancel(waiting));
        co_await here.end_of(waiting);
        co_await here.end_of(request_to_cancel);
      },
      {"receive: ECANCELED", "cancel: 0"});
}

TEST_CASE("cancel: of what has completed") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "x"));
        raw_op& done = here.start(receive(both.right, 16));
        co_await here.end_of(done);
        co_await here.run(cancel(done));
      },
      {"send: 1", "receive: 1 \"x\"", "cancel: ENOENT"});
}

TEST_CASE("cancel: of what there never was") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.run(cancel_number(12345));
        co_await here.run(cancel_number(0));
      },
      {"cancel: ENOENT", "cancel: ENOENT"});
}

TEST_CASE("cancel: after the end of its target the second one finds nothing") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& waiting = here.start(receive(both.right, 16));
        co_await here.settle();
        co_await here.run(cancel(waiting).named("first"));
        co_await here.end_of(waiting);
        co_await here.run(cancel(waiting).named("second"));
      },
      {"first: 0", "receive: ECANCELED", "second: ENOENT"});
}

TEST_CASE("cancel: the bytes that come afterwards stay in the socket") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(receive(both.server, 16));
        co_await here.settle();
        co_await here.run(cancel(waiting));
        co_await here.end_of(waiting);
        co_await here.run(send(both.client, "kept"));
        co_await here.run(receive(both.server, 16));
      },
      {"cancel: 0", "receive: ECANCELED", "send: 4", "receive: 4 \"kept\""});
}

TEST_CASE("cancel: of an accept, and the next one gets the client") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        raw_op& waiting = here.start(accept(listener));
        co_await here.settle();
        co_await here.run(cancel(waiting));
        co_await here.end_of(waiting);
        co_await here.run(connect(here.tcp_socket(), here.address_of(listener)));
        co_await here.run(accept(listener));
      },
      {"cancel: 0", "accept: ECANCELED", "connect: 0", "accept: a descriptor"});
}

TEST_CASE("cancel: of a poll") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& waiting = here.start(poll(both.right, POLLIN));
        co_await here.settle();
        co_await here.run(cancel(waiting));
        co_await here.end_of(waiting);
      },
      {"cancel: 0", "poll: ECANCELED"});
}

TEST_CASE("cancel: of a send that has sent nothing yet") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const int filled = co_await here.fill(both.left);
        raw_op& waiting = here.start(send(both.left, "never"));
        co_await here.settle();
        co_await here.run(cancel(waiting));
        co_await here.end_of(waiting);
        co_await here.drain(both.right, filled);
        co_await here.run(receive(both.right, 16, MSG_DONTWAIT));
      },
      {"cancel: 0", "send: ECANCELED", "receive: EAGAIN"});
}

TEST_CASE("cancel: of all with one number, and how many there were") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& waiting = here.start(receive(both.right, 16));
        co_await here.settle();
        co_await here.run(cancel_all(waiting));
        co_await here.end_of(waiting);
        co_await here.run(cancel_all(waiting));
      },
      {"cancel: 1", "receive: ECANCELED", "cancel: 0"});
}

TEST_CASE("cancel: by descriptor, one or all") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& first = here.start(receive(both.right, 16));
        raw_op& second = here.start(receive(both.right, 16));
        raw_op& other = here.start(receive(both.left, 16).named("other"));
        co_await here.settle();
        co_await here.run(cancel_descriptor(both.right, true));
        co_await here.end_of(first);
        co_await here.end_of(second);
        here.tell_state(other);
        co_await here.run(cancel_descriptor(both.left, false));
        co_await here.end_of(other);
        co_await here.run(cancel_descriptor(both.left, false));
        co_await here.run(cancel_descriptor(-1, false));
      },
      {"cancel: 2", "receive: ECANCELED", "receive: ECANCELED", "other: pending", "cancel: 0", "other: ECANCELED",
       "cancel: ENOENT", "cancel: EBADF"});
}

TEST_CASE("cancel: one of several on a socket leaves the others") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& first = here.start(receive(both.right, 16).named("first"));
        raw_op& second = here.start(receive(both.right, 16).named("second"));
        co_await here.settle();
        co_await here.run(cancel(first));
        co_await here.end_of(first);
        here.tell_state(second);
        co_await here.run(send(both.left, "x"));
        co_await here.end_of(second);
      },
      {"cancel: 0", "first: ECANCELED", "second: pending", "send: 1", "second: 1 \"x\""});
}

TEST_CASE("cancel: closing the descriptor does not end what waits on it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& waiting = here.start(receive(both.right, 16));
        co_await here.settle();
        here.close(both.right);
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(send(both.left, "late"));
        co_await here.end_of(waiting);
      },
      {"close: 0", "receive: pending", "send: 4", "receive: 4 \"late\""});
}

TEST_CASE("cancel: of a receive that has a part of what it wants gives that part") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(receive(both.server, 6, MSG_WAITALL));
        co_await here.settle();
        co_await here.run(send(both.client, "one"));
        // Taken out of the socket, then: nothing is left to be read.
        co_await here.quietly(poll(both.client, POLLOUT));
        co_await here.settle();
        co_await here.run(cancel(waiting));
        co_await waiting.end();
        const bool has_part = waiting.last_result() == 3 || waiting.last_result() == -ECANCELED;
        here.note("a part, or nothing", has_part);
        if (waiting.last_result() < 0) co_await here.quietly(receive(both.server, 3));
        co_await here.run(receive(both.server, 16, MSG_DONTWAIT));
      },
      {"send: 3", "cancel: 0", "a part, or nothing: yes", "receive: EAGAIN"});
}

}  // namespace conformance
