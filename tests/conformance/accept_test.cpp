// Listening and accepting (listen(2), accept(2)): backlogs, who comes first, one completion or many.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("accept: it waits for a client") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        raw_op& waiting = here.start(accept(listener));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(connect(here.tcp_socket(), here.address_of(listener)));
        co_await here.end_of(waiting);
      },
      {"accept: pending", "connect: 0", "accept: a descriptor"});
}

TEST_CASE("accept: it waits on a non-blocking listener as well") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_socket(AF_INET, SOCK_NONBLOCK);
        const rm::address any_port = *rm::address::parse("127.0.0.1", 0);
        here.bind(listener, any_port);
        here.listen(listener, 4);
        raw_op& waiting = here.start(accept(listener));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(connect(here.tcp_socket(), here.address_of(listener)));
        co_await here.end_of(waiting);
      },
      {"bind: 0", "listen: 0", "accept: pending", "connect: 0", "accept: a descriptor"});
}

TEST_CASE("accept: clients come in the order in which they connected") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        const int first = here.tcp_socket();
        const int second = here.tcp_socket();
        co_await here.run(connect(first, here.address_of(listener)));
        co_await here.run(connect(second, here.address_of(listener)));
        co_await here.run(send(first, "first"));
        co_await here.run(send(second, "second"));
        const int one = co_await here.run(accept(listener));
        const int other = co_await here.run(accept(listener));
        co_await here.run(receive(one, 16));
        co_await here.run(receive(other, 16));
      },
      {"connect: 0", "connect: 0", "send: 5", "send: 6", "accept: a descriptor", "accept: a descriptor",
       "receive: 5 \"first\"", "receive: 6 \"second\""});
}

TEST_CASE("accept: two that wait are both served") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        raw_op& one = here.start(accept(listener));
        raw_op& other = here.start(accept(listener));
        co_await here.run(connect(here.tcp_socket(), here.address_of(listener)));
        co_await here.run(connect(here.tcp_socket(), here.address_of(listener)));
        co_await here.end_of(one);
        co_await here.end_of(other);
      },
      {"connect: 0", "connect: 0", "accept: a descriptor", "accept: a descriptor"});
}

TEST_CASE("accept: multishot goes on, and says so, until it is cancelled") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        raw_op& all = here.start(accept_multishot(listener));
        for (int i = 0; i < 3; ++i) {
          co_await here.run(connect(here.tcp_socket(), here.address_of(listener)));
          co_await here.next_of(all);
        }
        co_await here.run(cancel(all));
        co_await here.end_of(all);
      },
      {"connect: 0", "accept: a descriptor, more", "connect: 0", "accept: a descriptor, more", "connect: 0",
       "accept: a descriptor, more", "cancel: 0", "accept: ECANCELED"});
}

TEST_CASE("accept: multishot takes all that are in the backlog already") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        co_await here.quietly(connect(here.tcp_socket(), here.address_of(listener)));
        co_await here.quietly(connect(here.tcp_socket(), here.address_of(listener)));
        raw_op& all = here.start(accept_multishot(listener));
        co_await here.next_of(all);
        co_await here.next_of(all);
        here.tell_state(all);
      },
      {"accept: a descriptor, more", "accept: a descriptor, more", "accept: pending"});
}

TEST_CASE("accept: a socket that does not listen is refused, and so is one of datagrams") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.run(accept(here.tcp_socket()));
        co_await here.run(accept(here.udp_socket()));
        const pair both = here.unix_pair();
        co_await here.run(accept(both.left));
      },
      {"accept: EINVAL", "accept: EOPNOTSUPP", "accept: EINVAL"});
}

TEST_CASE("accept: what is no socket, and what is no descriptor") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.run(accept(ends.reader));
        co_await here.run(accept(-1));
      },
      {"accept: ENOTSOCK", "accept: EBADF"});
}

TEST_CASE("accept: shutting a listener down ends what waits on it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        raw_op& waiting = here.start(accept(listener));
        co_await here.settle();
        here.shutdown(listener, SHUT_RDWR);
        co_await here.end_of(waiting);
      },
      {"shutdown: 0", "accept: EINVAL"});
}

TEST_CASE("accept: a client that has closed already is accepted all the same") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        const int client = here.tcp_socket();
        co_await here.run(connect(client, here.address_of(listener)));
        here.close(client);
        const int server = co_await here.run(accept(listener));
        co_await here.run(receive(server, 16));
      },
      {"connect: 0", "close: 0", "accept: a descriptor", "receive: 0"});
}

TEST_CASE("accept: closing a listener resets those who were not accepted") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        const int client = here.tcp_socket();
        co_await here.run(connect(client, here.address_of(listener)));
        // The last step of the handshake has arrived when there is somebody to accept.
        co_await here.quietly(poll(listener, POLLIN));
        here.close(listener);
        co_await here.run(receive(client, 16));
      },
      {"connect: 0", "close: 0", "receive: ECONNRESET"});
}

TEST_CASE("accept: what was accepted is of the listener's kind, and does not listen") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        co_await here.quietly(connect(here.tcp_socket(), here.address_of(listener)));
        const int server = co_await here.run(accept(listener));
        here.get(listener, SOL_SOCKET, SO_ACCEPTCONN);
        here.get(server, SOL_SOCKET, SO_ACCEPTCONN);
        here.get(server, SOL_SOCKET, SO_TYPE);
        here.get(server, SOL_SOCKET, SO_DOMAIN);
      },
      {"accept: a descriptor", "SO_ACCEPTCONN: 1", "SO_ACCEPTCONN: 0", "SO_TYPE: 1", "SO_DOMAIN: 2"});
}

TEST_CASE("accept: the backlog holds one more than was said, and a full one is no error for a Unix client") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address name = here.unix_name();
        const int listener = here.unix_listener(name, 1);
        co_await here.run(connect(here.unix_socket(SOCK_STREAM), name));
        co_await here.run(connect(here.unix_socket(SOCK_STREAM), name));
        const int third = here.unix_socket(SOCK_STREAM, SOCK_NONBLOCK);
        co_await here.run(connect(third, name).named("one too many"));
        co_await here.run(accept(listener));
        co_await here.run(connect(third, name).named("again"));
      },
      {"connect: 0", "connect: 0", "one too many: EAGAIN", "accept: a descriptor", "again: 0"});
}

TEST_CASE("accept: a TCP listener is polled readable as long as somebody waits") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        raw_op& readable = here.start(poll(listener, POLLIN));
        co_await here.settle();
        here.tell_state(readable);
        co_await here.quietly(connect(here.tcp_socket(), here.address_of(listener)));
        co_await here.end_of(readable);
        co_await here.run(poll(listener, POLLIN | POLLOUT));
        co_await here.run(accept(listener));
        raw_op& again = here.start(poll(listener, POLLIN));
        co_await here.settle();
        here.tell_state(again);
      },
      {"poll: pending", "poll: 1 IN", "poll: 1 IN", "accept: a descriptor", "poll: pending"});
}

TEST_CASE("accept: listening again changes the backlog only") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener(1);
        here.listen(listener, 8);
        co_await here.run(connect(here.tcp_socket(), here.address_of(listener)));
        co_await here.run(accept(listener));
      },
      {"listen: 0", "connect: 0", "accept: a descriptor"});
}

TEST_CASE("accept: a socket that listens without an address gets one") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_socket();
        here.local(listener);
        here.listen(listener, 4);
        here.local(listener);
        co_return;
      },
      {"local: 0.0.0.0:0", "listen: 0", "local: 0.0.0.0:port"});
}

TEST_CASE("accept: neither a connected socket nor one of datagrams can listen") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.listen(both.client, 4);
        here.listen(here.udp_socket(), 4);
        here.listen(here.unix_socket(SOCK_STREAM), 4);
      },
      {"listen: EINVAL", "listen: EOPNOTSUPP", "listen: EINVAL"});
}

}  // namespace conformance
