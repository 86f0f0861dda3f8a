// Streams between Unix sockets that have names (unix(7)).
#include <sys/socket.h>

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

}  // namespace conformance
