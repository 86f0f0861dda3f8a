// Datagrams between Unix sockets: reliable, in order, and with a queue that fills (unix(7)).
#include <poll.h>
#include <sys/socket.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("unix datagram: it is sent to a name") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address name = here.unix_name();
        const int server = here.unix_socket(SOCK_DGRAM);
        here.bind(server, name);
        const int client = here.unix_socket(SOCK_DGRAM);
        co_await here.run(send_to(client, "hello", name));
        co_await here.run(receive(server, 16));
      },
      {"bind: 0", "send: 5", "receive: 5 \"hello\""});
}

TEST_CASE("unix datagram: what does not fit is lost, and the message says so") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair(SOCK_DGRAM);
        co_await here.run(send(both.left, "too long"));
        co_await here.run(send(both.left, "next"));
        co_await here.run(receive_message(both.right, 3));
        co_await here.run(receive_message(both.right, 16));
      },
      {"send: 8", "send: 4", "receive: 3 \"too\" TRUNC", "receive: 4 \"next\""});
}

TEST_CASE("unix datagram: an empty one is one, too") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair(SOCK_DGRAM);
        co_await here.run(send(both.left, ""));
        co_await here.run(send(both.left, "x"));
        co_await here.run(receive(both.right, 16));
        co_await here.run(receive(both.right, 16));
      },
      {"send: 0", "send: 1", "receive: 0", "receive: 1 \"x\""});
}

TEST_CASE("unix datagram: nobody is there") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int client = here.unix_socket(SOCK_DGRAM);
        co_await here.run(send_to(client, "hello", here.unix_name()));
        const rm::unix_address missing = rm::unix_address::path(here.path("missing"));
        co_await here.run(send_to(client, "hello", missing));
        co_await here.run(send(client, "hello"));
      },
      {"send: ECONNREFUSED", "send: ENOENT", "send: ENOTCONN"});
}

TEST_CASE("unix datagram: a connected one whose peer has gone") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address name = here.unix_name();
        const int server = here.unix_socket(SOCK_DGRAM);
        here.bind(server, name);
        const int client = here.unix_socket(SOCK_DGRAM);
        co_await here.run(connect(client, name));
        co_await here.run(send(client, "hello"));
        here.close(server);
        co_await here.run(send(client, "hello"));
      },
      {"bind: 0", "connect: 0", "send: 5", "close: 0", "send: ECONNREFUSED"});
}

TEST_CASE("unix datagram: one that is connected hears its peer only") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address name = here.unix_name();
        const rm::unix_address name_of_peer = here.unix_name();
        const int one = here.unix_socket(SOCK_DGRAM);
        const int peer = here.unix_socket(SOCK_DGRAM);
        here.bind(one, name);
        here.bind(peer, name_of_peer);
        co_await here.run(connect(one, name_of_peer));
        co_await here.run(send_to(here.unix_socket(SOCK_DGRAM), "noise", name));
        co_await here.run(send_to(peer, "answer", name));
        co_await here.run(receive(one, 16));
      },
      {"bind: 0", "bind: 0", "connect: 0", "send: EPERM", "send: 6", "receive: 6 \"answer\""});
}

TEST_CASE("unix datagram: a full queue makes a send wait, until one is taken out") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair(SOCK_DGRAM);
        int sent = 0;
        constexpr int surely_too_many = 10'000;
        while (sent < surely_too_many) {
          raw_op& one = here.start(send(both.left, "x", MSG_DONTWAIT));
          co_await one.end();
          if (one.last_result() < 0) break;
          ++sent;
        }
        co_await here.run(send(both.left, "y", MSG_DONTWAIT));
        raw_op& waiting = here.start(send(both.left, "last"));
        co_await here.settle();
        here.tell_state(waiting);
        for (int i = 0; i < sent; ++i) co_await here.quietly(receive(both.right, 16));
        co_await here.end_of(waiting);
        co_await here.run(receive(both.right, 16));
      },
      {"send: EAGAIN", "send: pending", "send: 4", "receive: 4 \"last\""});
}

TEST_CASE("unix datagram: the close of the peer is no end of the stream") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair(SOCK_DGRAM);
        co_await here.run(send(both.left, "kept"));
        here.close(both.left);
        co_await here.run(receive(both.right, 16));
        co_await here.run(receive(both.right, 16, MSG_DONTWAIT));
      },
      {"send: 4", "close: 0", "receive: 4 \"kept\"", "receive: EAGAIN"});
}

TEST_CASE("unix datagram: neither listens nor accepts") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.unix_socket(SOCK_DGRAM);
        here.bind(one, here.unix_name());
        here.listen(one, 4);
        co_await here.run(accept(one));
      },
      {"bind: 0", "listen: EOPNOTSUPP", "accept: EOPNOTSUPP"});
}

}  // namespace conformance
