// Streams between Unix sockets, with an address and without (unix(7), socketpair(2)).
#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <vector>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("unix stream: a client connects to a path, and its address is unnamed") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address path = rm::unix_address::path(here.path("socket"));
        const int listener = here.unix_listener(path);
        const int client = here.unix_socket(SOCK_STREAM);
        co_await here.run(connect(client, path));
        const int server = co_await here.run(accept(listener));
        here.local(listener);
        here.local(client);
        here.peer(client);
        here.local(server);
        here.peer(server);
      },
      {"connect: 0", "accept: a descriptor", "local: (path)", "local: (unnamed)", "peer: (path)", "local: (path)",
       "peer: (unnamed)"});
}

TEST_CASE("unix stream: a path is taken as long as its file is there") {
  conforms(
      [](scene& here) -> rm::task<> {
        const std::string file = here.path("socket");
        const rm::unix_address path = rm::unix_address::path(file);
        const int first = here.unix_socket(SOCK_STREAM);
        here.bind(first, path);
        here.close(first);
        const int second = here.unix_socket(SOCK_STREAM);
        here.bind(second, path);
        co_await here.run(unlink(file));
        here.bind(second, path);
      },
      {"bind: 0", "close: 0", "bind: EADDRINUSE", "unlink: 0", "bind: 0"});
}

TEST_CASE("unix stream: an abstract name is taken as long as its socket is open") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address name = here.unix_name();
        const int first = here.unix_socket(SOCK_STREAM);
        here.bind(first, name);
        const int second = here.unix_socket(SOCK_STREAM);
        here.bind(second, name);
        here.close(first);
        here.bind(second, name);
        co_return;
      },
      {"bind: 0", "bind: EADDRINUSE", "close: 0", "bind: 0"});
}

TEST_CASE("unix stream: the kernel chooses an abstract name for who asks for none") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.unix_socket(SOCK_STREAM);
        here.local(one);
        here.bind(one, rm::unix_address());
        here.local(one);
        co_return;
      },
      {"local: (unnamed)", "bind: 0", "local: (abstract)"});
}

TEST_CASE("unix stream: what is bound cannot be bound again") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = here.unix_socket(SOCK_STREAM);
        here.bind(one, here.unix_name());
        here.bind(one, here.unix_name());
        co_return;
      },
      {"bind: 0", "bind: EINVAL"});
}

TEST_CASE("unix stream: a client may send before it is accepted") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address name = here.unix_name();
        const int listener = here.unix_listener(name);
        const int client = here.unix_socket(SOCK_STREAM);
        co_await here.run(connect(client, name));
        co_await here.run(send(client, "early"));
        const int server = co_await here.run(accept(listener));
        co_await here.run(receive(server, 16));
      },
      {"connect: 0", "send: 5", "accept: a descriptor", "receive: 5 \"early\""});
}

TEST_CASE("unix stream: closing the listener resets those who were not accepted") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::unix_address name = here.unix_name();
        const int listener = here.unix_listener(name);
        const int client = here.unix_socket(SOCK_STREAM);
        co_await here.run(connect(client, name));
        here.close(listener);
        co_await here.run(receive(client, 16));
        co_await here.run(send(client, "late"));
      },
      {"connect: 0", "close: 0", "receive: ECONNRESET", "send: EPIPE"});
}

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

TEST_CASE("descriptors: one that is sent is the same file under another number") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.writer};
        co_await here.run(send_descriptors(both.left, "take it", given));
        here.close(ends.writer);
        const auto got = std::make_shared<std::vector<int>>();
        co_await here.run(receive_descriptors(both.right, 16, got, 4));
        co_await here.run(write(got->at(0), "through"));
        here.close(got->at(0));
        co_await here.run(read(ends.reader, 16));
        co_await here.run(read(ends.reader, 16));
      },
      {"send: 7", "close: 0", "receive: 7 \"take it\", 1 descriptors", "write: 7", "close: 0", "read: 7 \"through\"",
       "read: 0"});
}

TEST_CASE("descriptors: several come in their order") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.reader, ends.writer};
        co_await here.run(send_descriptors(both.left, "x", given));
        const auto got = std::make_shared<std::vector<int>>();
        co_await here.run(receive_descriptors(both.right, 16, got, 4));
        co_await here.run(write(got->at(1), "round"));
        co_await here.run(read(got->at(0), 16));
        here.close(got->at(0));
        here.close(got->at(1));
      },
      {"send: 1", "receive: 1 \"x\", 2 descriptors", "write: 5", "read: 5 \"round\"", "close: 0", "close: 0"});
}

TEST_CASE("descriptors: those for which there is no room are closed, and the message says so") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.writer, ends.writer, ends.writer};
        co_await here.run(send_descriptors(both.left, "x", given));
        here.close(ends.writer);
        const auto got = std::make_shared<std::vector<int>>();
        co_await here.run(receive_descriptors(both.right, 16, got, 2));
        for (const int each : *got) here.close(each);
        co_await here.run(read(ends.reader, 16));
      },
      {"send: 1", "close: 0", "receive: 1 \"x\", 2 descriptors CTRUNC", "close: 0", "close: 0", "read: 0"});
}

TEST_CASE("descriptors: who receives bytes only loses them") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.writer};
        co_await here.run(send_descriptors(both.left, "x", given));
        here.close(ends.writer);
        co_await here.run(receive(both.right, 16));
        co_await here.run(read(ends.reader, 16));
      },
      {"send: 1", "close: 0", "receive: 1 \"x\"", "read: 0"});
}

TEST_CASE("descriptors: those in a socket that is closed are closed with it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.writer};
        co_await here.run(send_descriptors(both.left, "x", given));
        here.close(ends.writer);
        raw_op& waiting = here.start(read(ends.reader, 16));
        co_await here.settle();
        here.tell_state(waiting);
        here.close(both.left);
        here.close(both.right);
        co_await here.end_of(waiting);
      },
      {"send: 1", "close: 0", "read: pending", "close: 0", "close: 0", "read: 0"});
}

TEST_CASE("descriptors: they part the stream, a receive does not read over them") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.writer};
        co_await here.run(send_descriptors(both.left, "first", given));
        co_await here.run(send(both.left, "second"));
        const auto got = std::make_shared<std::vector<int>>();
        co_await here.run(receive_descriptors(both.right, 32, got, 1));
        co_await here.run(receive(both.right, 32));
        here.close(got->at(0));
      },
      {"send: 5", "send: 6", "receive: 5 \"first\", 1 descriptors", "receive: 6 \"second\"", "close: 0"});
}

TEST_CASE("descriptors: a number that is no descriptor is refused") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const std::vector<int> given = {-1};
        co_await here.run(send_descriptors(both.left, "x", given));
        co_await here.run(receive(both.right, 16, MSG_DONTWAIT));
      },
      {"send: EBADF", "receive: EAGAIN"});
}

}  // namespace conformance
