// Datagrams over loopback (udp(7)).
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("udp: a datagram says where it came from") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(send_to(one, "hello", here.address_of(other)));
        const auto from = std::make_shared<rm::address>();
        co_await here.run(receive_from(other, 16, from));
        here.note("from the sender", *from == here.address_of(one));
      },
      {"send: 5", "receive: 5 \"hello\"", "from the sender: yes"});
}

TEST_CASE("udp: each receive takes one datagram") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(send_to(one, "first", here.address_of(other)));
        co_await here.run(send_to(one, "second", here.address_of(other)));
        co_await here.run(receive(other, 64));
        co_await here.run(receive(other, 64));
        co_await here.run(receive(other, 64, MSG_DONTWAIT));
      },
      {"send: 5", "send: 6", "receive: 5 \"first\"", "receive: 6 \"second\"", "receive: EAGAIN"});
}

TEST_CASE("udp: what does not fit is lost, and the message says so") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(send_to(one, "too long", here.address_of(other)));
        co_await here.run(send_to(one, "next", here.address_of(other)));
        co_await here.run(receive_message(other, 3));
        co_await here.run(receive_message(other, 16));
      },
      {"send: 8", "send: 4", "receive: 3 \"too\" TRUNC", "receive: 4 \"next\""});
}

TEST_CASE("udp: with MSG_TRUNC the result is the datagram's own length") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(send_to(one, "too long", here.address_of(other)));
        co_await here.run(receive_message(other, 3, MSG_TRUNC));
      },
      {"send: 8", "receive: 8 \"too\" TRUNC"});
}

TEST_CASE("udp: an empty datagram is one, too") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(send_to(one, "", here.address_of(other)));
        co_await here.run(send_to(one, "x", here.address_of(other)));
        co_await here.run(receive(other, 16));
        co_await here.run(receive(other, 16));
      },
      {"send: 0", "send: 1", "receive: 0", "receive: 1 \"x\""});
}

TEST_CASE("udp: a receive waits, and its cancel takes nothing") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        raw_op& waiting = here.start(receive(other, 16));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(cancel(waiting));
        co_await here.end_of(waiting);
        co_await here.run(send_to(one, "kept", here.address_of(other)));
        co_await here.run(receive(other, 16));
      },
      {"receive: pending", "cancel: 0", "receive: ECANCELED", "send: 4", "receive: 4 \"kept\""});
}

TEST_CASE("udp: a connected socket sends without an address, and hears its peer only") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        const int stranger = here.udp_socket();
        co_await here.run(connect(one, here.address_of(other)));
        co_await here.run(send(one, "hello"));
        co_await here.run(receive(other, 16));
        co_await here.run(send_to(stranger, "noise", here.address_of(one)));
        co_await here.run(send_to(other, "answer", here.address_of(one)));
        co_await here.run(receive(one, 16));
      },
      {"connect: 0", "send: 5", "receive: 5 \"hello\"", "send: 5", "send: 6", "receive: 6 \"answer\""});
}

TEST_CASE("udp: a connected socket can be connected to another peer") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int first = here.udp_socket();
        const int second = here.udp_socket();
        co_await here.run(connect(one, here.address_of(first)));
        co_await here.run(connect(one, here.address_of(second)));
        co_await here.run(send(one, "hello"));
        co_await here.run(receive(second, 16));
        co_await here.run(receive(first, 16, MSG_DONTWAIT));
      },
      {"connect: 0", "connect: 0", "send: 5", "receive: 5 \"hello\"", "receive: EAGAIN"});
}

TEST_CASE("udp: without an address, and not connected, nothing is sent") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        co_await here.run(send(one, "hello"));
        here.peer(one);
      },
      {"send: EDESTADDRREQ", "peer: ENOTCONN"});
}

TEST_CASE("udp: a connected socket is told that nobody is at its peer's port") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(connect(one, here.address_of(other)));
        here.close(other);
        co_await here.run(send(one, "anyone?"));
        co_await here.run(receive(one, 16));
        co_await here.run(receive(one, 16, MSG_DONTWAIT));
      },
      {"connect: 0", "close: 0", "send: 7", "receive: ECONNREFUSED", "receive: EAGAIN"});
}

TEST_CASE("udp: the next send tells it as well, and SO_ERROR does") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(connect(one, here.address_of(other)));
        here.close(other);
        co_await here.run(send(one, "anyone?"));
        co_await here.quietly(poll(one, POLLERR));
        co_await here.run(send(one, "hello?"));
        co_await here.run(send(one, "anyone?"));
        co_await here.quietly(poll(one, POLLERR));
        here.get(one, SOL_SOCKET, SO_ERROR);
      },
      {"connect: 0", "close: 0", "send: 7", "send: ECONNREFUSED", "send: 7", "SO_ERROR: ECONNREFUSED"});
}

TEST_CASE("udp: who is not connected hears nothing of it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        const rm::address where = here.address_of(other);
        here.close(other);
        co_await here.run(send_to(one, "anyone?", where));
        here.get(one, SOL_SOCKET, SO_ERROR);
        co_await here.run(receive(one, 16, MSG_DONTWAIT));
      },
      {"close: 0", "send: 7", "SO_ERROR: 0", "receive: EAGAIN"});
}

TEST_CASE("udp: a datagram of more than 65507 bytes is too long") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(connect(one, here.address_of(other)));
        co_await here.run(send_bytes(one, 65508));
        co_await here.run(send_bytes(one, 65507));
        co_await here.run(receive(other, 65536));
      },
      {"connect: 0", "send: EMSGSIZE", "send: 65507", "receive: 65507"});
}

TEST_CASE("udp: a shutdown for reading ends what waits") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.udp_socket();
        const int other = here.udp_socket();
        co_await here.run(connect(one, here.address_of(other)));
        raw_op& waiting = here.start(receive(one, 16));
        co_await here.settle();
        here.shutdown(one, SHUT_RD);
        co_await here.end_of(waiting);
        co_await here.run(send(one, "goes out"));
        here.shutdown(one, SHUT_WR);
        co_await here.run(send(one, "does not"));
      },
      {"connect: 0", "shutdown: 0", "receive: 0", "send: 8", "shutdown: 0", "send: EPIPE"});
}

TEST_CASE("udp: a socket gets an address when it first sends") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.socket(AF_INET, SOCK_DGRAM);
        here.local(one);
        const int other = here.udp_socket();
        co_await here.run(send_to(one, "x", here.address_of(other)));
        here.local(one);
        co_await here.run(connect(one, here.address_of(other)));
        here.local(one);
      },
      {"socket: a descriptor", "local: 0.0.0.0:0", "send: 1", "local: 0.0.0.0:port", "connect: 0",
       "local: 127.0.0.1:port"});
}

}  // namespace conformance
