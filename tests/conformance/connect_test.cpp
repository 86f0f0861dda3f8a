// Connecting (connect(2)): who refuses, and what can be done twice.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("connect: nobody listens") {
  conforms([](scene& here) -> rm::task<> { co_await here.run(connect(here.tcp_socket(), here.nobody())); },
           {"connect: ECONNREFUSED"});
}

TEST_CASE("connect: a listener that was closed refuses") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        const rm::address where = here.address_of(listener);
        here.close(listener);
        co_await here.run(connect(here.tcp_socket(), where));
      },
      {"close: 0", "connect: ECONNREFUSED"});
}

TEST_CASE("connect: a socket that was refused can try again") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int client = here.tcp_socket();
        co_await here.run(connect(client, here.nobody()));
        here.get(client, SOL_SOCKET, SO_ERROR);
        const int listener = here.tcp_listener();
        co_await here.run(connect(client, here.address_of(listener)));
      },
      {"connect: ECONNREFUSED", "SO_ERROR: 0", "connect: 0"});
}

TEST_CASE("connect: a socket that is connected is so already") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        const int client = here.tcp_socket();
        co_await here.run(connect(client, here.address_of(listener)));
        co_await here.run(connect(client, here.address_of(listener)));
        co_await here.run(connect(listener, here.address_of(listener)).named("listener"));
      },
      {"connect: 0", "connect: EISCONN", "listener: EISCONN"});
}

TEST_CASE("connect: the operation waits for the connection of a non-blocking socket as well") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        const int client = here.tcp_socket(AF_INET, SOCK_NONBLOCK);
        co_await here.run(connect(client, here.address_of(listener)));
        co_await here.run(poll(client, POLLOUT));
        here.get(client, SOL_SOCKET, SO_ERROR);
        co_await here.run(connect(client, here.address_of(listener)));
        const int refused = here.tcp_socket(AF_INET, SOCK_NONBLOCK);
        co_await here.run(connect(refused, here.nobody()));
        here.get(refused, SOL_SOCKET, SO_ERROR);
      },
      {"connect: 0", "poll: 4 OUT", "SO_ERROR: 0", "connect: EISCONN", "connect: ECONNREFUSED", "SO_ERROR: 0"});
}

TEST_CASE("connect: one to a full backlog waits; another on the same socket is told that the first is on its way") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener(0);
        co_await here.run(connect(here.tcp_socket(), here.address_of(listener)));
        co_await here.quietly(poll(listener, POLLIN));
        const int client = here.tcp_socket();
        raw_op& waiting = here.start(connect(client, here.address_of(listener)));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(connect(client, here.address_of(listener)).named("second"));
        co_await here.run(cancel(waiting));
        co_await here.end_of(waiting);
      },
      {"connect: 0", "connect: pending", "second: EALREADY", "cancel: 0", "connect: ECANCELED"});
}

TEST_CASE("connect: a name that nobody has bound refuses, and a path that is not there does not exist") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int client = here.unix_socket(SOCK_STREAM);
        co_await here.run(connect(client, here.unix_name()));
        const rm::unix_address missing = rm::unix_address::path(here.path("missing"));
        co_await here.run(connect(client, missing));
      },
      {"connect: ECONNREFUSED", "connect: ENOENT"});
}

TEST_CASE("connect: a path whose listener has gone refuses") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address path = rm::unix_address::path(here.path("socket"));
        const int listener = here.unix_listener(path);
        here.close(listener);
        co_await here.run(connect(here.unix_socket(SOCK_STREAM), path));
      },
      {"close: 0", "connect: ECONNREFUSED"});
}

TEST_CASE("connect: a path that is a file of another kind refuses") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.file("file", "text");
        const rm::unix_address path = rm::unix_address::path(here.path("file"));
        co_await here.run(connect(here.unix_socket(SOCK_STREAM), path));
      },
      {"connect: ECONNREFUSED"});
}

TEST_CASE("connect: a stream does not connect to datagrams") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address path = rm::unix_address::path(here.path("socket"));
        here.bind(here.unix_socket(SOCK_DGRAM), path);
        co_await here.run(connect(here.unix_socket(SOCK_STREAM), path));
      },
      {"bind: 0", "connect: EPROTOTYPE"});
}

TEST_CASE("connect: bound and not listening, it refuses") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address name = here.unix_name();
        here.bind(here.unix_socket(SOCK_STREAM), name);
        co_await here.run(connect(here.unix_socket(SOCK_STREAM), name));
      },
      {"bind: 0", "connect: ECONNREFUSED"});
}

TEST_CASE("connect: an address of another family is refused") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::address six = *rm::address::parse("::1", 9);
        co_await here.run(connect(here.tcp_socket(), six));
        co_await here.run(connect(here.tcp_socket(), here.unix_name()));
        const rm::address four = *rm::address::parse("127.0.0.1", 9);
        co_await here.run(connect(here.unix_socket(SOCK_STREAM), four));
      },
      {"connect: EAFNOSUPPORT", "connect: EAFNOSUPPORT", "connect: EINVAL"});
}

TEST_CASE("connect: what is no socket") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.run(connect(ends.reader, here.nobody()));
        co_await here.run(connect(-1, here.nobody()));
      },
      {"connect: ENOTSOCK", "connect: EBADF"});
}

TEST_CASE("connect: a socket that is not connected neither sends nor receives") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int client = here.tcp_socket();
        co_await here.run(send(client, "hello"));
        co_await here.run(receive(client, 16));
        here.peer(client);
        const int local = here.unix_socket(SOCK_STREAM);
        co_await here.run(send(local, "hello"));
        co_await here.run(receive(local, 16));
        here.peer(local);
      },
      {"send: EPIPE", "receive: ENOTCONN", "peer: ENOTCONN", "send: ENOTCONN", "receive: EINVAL", "peer: ENOTCONN"});
}

TEST_CASE("connect: IPv6 as well") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_socket(AF_INET6);
        const rm::address any_port = *rm::address::parse("::1", 0);
        if (here.bind(listener, any_port) < 0) scene::skip("no IPv6 here");
        here.listen(listener, 4);
        const int client = here.tcp_socket(AF_INET6);
        co_await here.run(connect(client, here.address_of(listener)));
        here.peer(client);
        const int server = co_await here.run(accept(listener));
        co_await here.run(send(client, "six"));
        co_await here.run(receive(server, 16));
      },
      {"bind: 0", "listen: 0", "connect: 0", "peer: [::1]:port", "accept: a descriptor", "send: 3",
       "receive: 3 \"six\""});
}

}  // namespace conformance
