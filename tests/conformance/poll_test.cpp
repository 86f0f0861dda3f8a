// What is ready when (poll(2)), once and many times.
#include <poll.h>
#include <sys/socket.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("poll: a connected socket can be written, and read when bytes have come") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        co_await here.run(poll(both.server, POLLIN | POLLOUT));
        co_await here.run(send(both.client, "x"));
        co_await here.quietly(poll(both.server, POLLIN));
        co_await here.run(poll(both.server, POLLIN | POLLOUT));
        co_await here.run(poll(both.server, POLLIN));
      },
      {"poll: 4 OUT", "send: 1", "poll: 5 IN|OUT", "poll: 1 IN"});
}

TEST_CASE("poll: it waits, and ends with what it waits for") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        raw_op& waiting = here.start(poll(both.server, POLLIN));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(send(both.client, "x"));
        co_await here.end_of(waiting);
        co_await here.run(receive(both.server, 1));
      },
      {"poll: pending", "send: 1", "poll: 1 IN", "receive: 1 \"x\""});
}

TEST_CASE("poll: a new TCP socket has hung up") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int socket = here.tcp_socket();
        co_await here.run(poll(socket, POLLIN | POLLOUT));
      },
      {"poll: 20 OUT|HUP"});
}

TEST_CASE("poll: the peer has ended its direction") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.shutdown(both.client, SHUT_WR);
        co_await here.quietly(poll(both.server, POLLRDHUP));
        co_await here.run(poll(both.server, POLLIN | POLLOUT | POLLRDHUP));
        co_await here.run(poll(both.client, POLLIN | POLLOUT | POLLRDHUP));
      },
      {"shutdown: 0", "poll: 8197 IN|OUT|RDHUP", "poll: 4 OUT"});
}

TEST_CASE("poll: both directions have ended") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.shutdown(both.client, SHUT_WR);
        co_await here.quietly(poll(both.server, POLLRDHUP));
        here.shutdown(both.server, SHUT_WR);
        co_await here.quietly(poll(both.client, POLLHUP));
        co_await here.run(poll(both.client, POLLIN | POLLOUT | POLLRDHUP));
      },
      {"shutdown: 0", "shutdown: 0", "poll: 8213 IN|OUT|HUP|RDHUP"});
}

TEST_CASE("poll: hang-ups come without being asked for") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& waiting = here.start(poll(both.left, POLLPRI));
        co_await here.settle();
        here.tell_state(waiting);
        here.close(both.right);
        co_await here.end_of(waiting);
      },
      {"poll: pending", "close: 0", "poll: 8208 HUP|RDHUP"});
}

TEST_CASE("poll: a Unix socket whose peer has closed") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        co_await here.run(poll(both.left, POLLIN | POLLOUT | POLLRDHUP));
        here.close(both.right);
        co_await here.run(poll(both.left, POLLIN | POLLOUT | POLLRDHUP));
      },
      {"poll: 4 OUT", "close: 0", "poll: 8213 IN|OUT|HUP|RDHUP"});
}

TEST_CASE("poll: a full Unix socket cannot be written") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const int filled = co_await here.fill(both.left);
        raw_op& waiting = here.start(poll(both.left, POLLOUT));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.drain(both.right, filled);
        co_await here.end_of(waiting);
      },
      {"poll: pending", "poll: 4 OUT"});
}

TEST_CASE("poll: an empty pipe, one with bytes, and one without a writer") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        raw_op& waiting = here.start(poll(ends.reader, POLLIN));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(poll(ends.writer, POLLOUT));
        co_await here.run(write(ends.writer, "x"));
        co_await here.end_of(waiting);
        here.close(ends.writer);
        co_await here.run(poll(ends.reader, POLLIN));
        co_await here.run(read(ends.reader, 16));
        co_await here.run(poll(ends.reader, POLLIN));
      },
      {"poll: pending", "poll: 4 OUT", "write: 1", "poll: 1 IN", "close: 0", "poll: 17 IN|HUP", "read: 1 \"x\"",
       "poll: 16 HUP"});
}

TEST_CASE("poll: a pipe without a reader is an error for its writer") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        here.close(ends.reader);
        co_await here.run(poll(ends.writer, POLLOUT));
      },
      {"close: 0", "poll: 12 OUT|ERR"});
}

TEST_CASE("poll: a full pipe can be written when it has been read") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.fill_pipe(ends.writer);
        raw_op& waiting = here.start(poll(ends.writer, POLLOUT));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(read(ends.reader, 65536));
        co_await here.end_of(waiting);
      },
      {"poll: pending", "read: 65536", "poll: 4 OUT"});
}

TEST_CASE("poll: datagrams") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(poll(other, POLLIN | POLLOUT));
        co_await here.run(send_to(one, "", here.address_of(other)));
        co_await here.quietly(poll(other, POLLIN));
        co_await here.run(poll(other, POLLIN | POLLOUT));
      },
      {"poll: 4 OUT", "send: 0", "poll: 5 IN|OUT"});
}

TEST_CASE("poll: what is no descriptor") {
  conforms([](scene& here) -> rm::task<> { co_await here.run(poll(-1, POLLIN)); }, {"poll: EBADF"});
}

TEST_CASE("poll: a file is always ready") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "");
        co_await here.run(poll(file, POLLIN | POLLOUT));
      },
      {"poll: 5 IN|OUT"});
}

TEST_CASE("poll: multishot tells each arrival, until it is cancelled") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& all = here.start(poll_multishot(both.right, POLLIN));
        for (int i = 0; i < 3; ++i) {
          co_await here.run(send(both.left, "x"));
          co_await here.next_of(all);
          co_await here.run(receive(both.right, 1));
        }
        here.tell_state(all);
        co_await here.run(cancel(all));
        co_await here.end_of(all);
      },
      {"send: 1", "poll: 1 IN, more", "receive: 1 \"x\"", "send: 1", "poll: 1 IN, more", "receive: 1 \"x\"", "send: 1",
       "poll: 1 IN, more", "receive: 1 \"x\"", "poll: pending", "cancel: 0", "poll: ECANCELED"});
}

TEST_CASE("poll: multishot tells what is there already") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "x"));
        raw_op& all = here.start(poll_multishot(both.right, POLLIN));
        co_await here.next_of(all);
        here.tell_state(all);
      },
      {"send: 1", "poll: 1 IN, more", "poll: pending"});
}

TEST_CASE("poll: multishot tells each arrival once, whether it is read or not") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& all = here.start(poll_multishot(both.right, POLLIN));
        co_await here.settle();
        co_await here.run(send(both.left, "x"));
        co_await here.next_of(all);
        co_await here.settle();
        here.note("told again without another one", all.seen().size() > 1);
        co_await here.run(send(both.left, "y"));
        co_await here.next_of(all);
        co_await here.run(receive(both.right, 16));
      },
      {"send: 1", "poll: 1 IN, more", "told again without another one: no", "send: 1", "poll: 1 IN, more",
       "receive: 2 \"xy\""});
}

TEST_CASE("poll: two on one descriptor are both told") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& one = here.start(poll(both.right, POLLIN));
        raw_op& other = here.start(poll(both.right, POLLIN));
        co_await here.settle();
        co_await here.run(send(both.left, "x"));
        co_await here.end_of(one);
        co_await here.end_of(other);
      },
      {"send: 1", "poll: 1 IN", "poll: 1 IN"});
}

TEST_CASE("poll: it can be removed, once") {
  conforms(
      [](scene& here) -> rm::task<> {
        here.needs(7, "IORING_OP_POLL_REMOVE");
        const pair both = here.unix_pair();
        raw_op& waiting = here.start(poll(both.right, POLLIN));
        co_await here.settle();
        co_await here.run(poll_remove(waiting));
        co_await here.end_of(waiting);
        co_await here.run(poll_remove(waiting));
      },
      {"poll remove: 0", "poll: ECANCELED", "poll remove: ENOENT"});
}

}  // namespace conformance
