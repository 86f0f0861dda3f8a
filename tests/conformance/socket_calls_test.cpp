// Making sockets, their addresses and their options (socket(2), bind(2), getsockname(2), getsockopt(2)).
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "scenario.hpp"

namespace conformance {

namespace {
rm::address loopback(std::uint16_t port = 0) { return *rm::address::parse("127.0.0.1", port); }
}  // namespace

TEST_CASE("socket: families, kinds and protocols that there are not") {
  conforms(
      [](scene& here) -> rm::task<> {
        here.socket(250, SOCK_STREAM);
        here.socket(AF_INET, 9);
        here.socket(AF_INET, SOCK_STREAM, IPPROTO_UDP);
        here.socket(AF_UNIX, SOCK_STREAM, 77);
        co_return;
      },
      {"socket: EAFNOSUPPORT", "socket: ESOCKTNOSUPPORT", "socket: EPROTONOSUPPORT", "socket: EPROTONOSUPPORT"});
}

TEST_CASE("socket: it knows what it is") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int tcp = here.tcp_socket();
        here.get(tcp, SOL_SOCKET, SO_DOMAIN);
        here.get(tcp, SOL_SOCKET, SO_TYPE);
        here.get(tcp, SOL_SOCKET, SO_PROTOCOL);
        const int udp = here.udp_socket();
        here.get(udp, SOL_SOCKET, SO_TYPE);
        here.get(udp, SOL_SOCKET, SO_PROTOCOL);
        co_return;
      },
      {"SO_DOMAIN: 2", "SO_TYPE: 1", "SO_PROTOCOL: 6", "SO_TYPE: 2", "SO_PROTOCOL: 17"});
}

TEST_CASE("bind: an address is taken once") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int first = here.tcp_listener();
        here.bind(here.tcp_socket(), here.address_of(first));
        const int udp = here.udp_socket();
        here.bind(here.socket(AF_INET, SOCK_DGRAM), here.address_of(udp));
        co_return;
      },
      {"bind: EADDRINUSE", "socket: a descriptor", "bind: EADDRINUSE"});
}

TEST_CASE("bind: TCP and UDP do not share ports, nor do two addresses") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        const rm::address other_host = *rm::address::parse("127.0.0.2", here.address_of(listener).port());
        here.bind(here.tcp_socket(), other_host);
        co_return;
      },
      {"bind: 0"});
}

TEST_CASE("bind: once only") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int socket = here.tcp_socket();
        here.bind(socket, loopback());
        here.bind(socket, loopback());
        co_return;
      },
      {"bind: 0", "bind: EINVAL"});
}

TEST_CASE("bind: an address that is not this machine's, and one of another family") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::address foreign = *rm::address::parse("192.0.2.1", 0);
        here.bind(here.tcp_socket(), foreign);
        const rm::address six = *rm::address::parse("::1", 0);
        here.bind(here.tcp_socket(), six);
        here.bind(here.tcp_socket(), here.unix_name());
        here.bind(here.unix_socket(SOCK_STREAM), loopback());
        co_return;
      },
      {"bind: EADDRNOTAVAIL", "bind: EAFNOSUPPORT", "bind: EAFNOSUPPORT", "bind: EINVAL"});
}

TEST_CASE("bind: what is no socket, and no descriptor") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        here.bind(ends.reader, loopback());
        here.bind(-1, loopback());
        here.listen(-1, 1);
        here.local(-1);
        here.peer(ends.reader);
        co_return;
      },
      {"bind: ENOTSOCK", "bind: EBADF", "listen: EBADF", "local: EBADF", "peer: ENOTSOCK"});
}

TEST_CASE("bind: a length that is too short") {
  conforms(
      [](scene& here) -> rm::task<> {
        const rm::address where = loopback();
        here.note("bind", answer_text(here.kernel().bind(here.tcp_socket(), where.data(), 4)));
        co_return;
      },
      {"bind: EINVAL"});
}

TEST_CASE("bind: SO_REUSEPORT lets those share an address who all agree") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int first = here.tcp_socket();
        here.set(first, SOL_SOCKET, SO_REUSEPORT, 1);
        here.bind(first, loopback());
        here.listen(first, 4);
        const int second = here.tcp_socket();
        here.bind(second, here.address_of(first));
        here.set(second, SOL_SOCKET, SO_REUSEPORT, 1);
        here.bind(second, here.address_of(first));
        here.listen(second, 4);
        co_return;
      },
      {"set SO_REUSEPORT: 0", "bind: 0", "listen: 0", "bind: EADDRINUSE", "set SO_REUSEPORT: 0", "bind: 0",
       "listen: 0"});
}

TEST_CASE("bind: the port of a closed listener is free") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int first = here.tcp_listener();
        const rm::address where = here.address_of(first);
        here.close(first);
        here.bind(here.tcp_socket(), where);
        co_return;
      },
      {"close: 0", "bind: 0"});
}

TEST_CASE("addresses: of a connection, on both sides") {
  conforms(
      [](scene& here) -> rm::task<> {
        const connection both = co_await here.tcp();
        here.local(both.client);
        here.peer(both.client);
        here.peer(both.server);
        rm::address peer;
        socklen_t length = rm::address::capacity();
        here.kernel().peer_address(both.server, peer.data(), &length);
        here.note("the server's peer is the client", peer == here.address_of(both.client));
        here.note("length", std::to_string(length));
      },
      {"local: 127.0.0.1:port", "peer: 127.0.0.1:port", "peer: 127.0.0.1:port", "the server's peer is the client: yes",
       "length: 16"});
}

TEST_CASE("addresses: before, and after the peer has gone") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        here.peer(listener);
        const connection both = co_await here.tcp();
        here.close(both.server);
        co_await here.run(receive(both.client, 1));
        here.peer(both.client);
        here.local(both.client);
      },
      {"peer: ENOTCONN", "close: 0", "receive: 0", "peer: 127.0.0.1:port", "local: 127.0.0.1:port"});
}

TEST_CASE("addresses: one that does not fit is cut, and its length told") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        sockaddr_in where{};
        where.sin_port = 0;
        socklen_t length = 2;
        const int result = here.kernel().local_address(listener, reinterpret_cast<sockaddr*>(&where), &length);
        here.note("result", answer_text(result));
        here.note("length", std::to_string(length));
        here.note("family", where.sin_family == AF_INET);
        here.note("port was written", where.sin_port != 0);
        co_return;
      },
      {"result: 0", "length: 16", "family: yes", "port was written: no"});
}

TEST_CASE("options: what is set can be read") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int socket = here.tcp_socket();
        here.get(socket, IPPROTO_TCP, TCP_NODELAY);
        here.set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
        here.get(socket, IPPROTO_TCP, TCP_NODELAY);
        here.set(socket, SOL_SOCKET, SO_KEEPALIVE, 5);
        here.get(socket, SOL_SOCKET, SO_KEEPALIVE);
        here.set(socket, IPPROTO_TCP, TCP_KEEPIDLE, 30);
        here.get(socket, IPPROTO_TCP, TCP_KEEPIDLE);
        here.set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
        here.get(socket, IPPROTO_TCP, TCP_USER_TIMEOUT);
        co_return;
      },
      {"TCP_NODELAY: 0", "set TCP_NODELAY: 0", "TCP_NODELAY: 1", "set SO_KEEPALIVE: 0", "SO_KEEPALIVE: 1",
       "set TCP_KEEPIDLE: 0", "TCP_KEEPIDLE: 30", "set TCP_USER_TIMEOUT: 0", "TCP_USER_TIMEOUT: 1500"});
}

TEST_CASE("options: the sizes of buffers are doubled (socket(7))") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int socket = here.tcp_socket();
        here.set(socket, SOL_SOCKET, SO_RCVBUF, 16384);
        here.get(socket, SOL_SOCKET, SO_RCVBUF);
        here.set(socket, SOL_SOCKET, SO_SNDBUF, 16384);
        here.get(socket, SOL_SOCKET, SO_SNDBUF);
        co_return;
      },
      {"set SO_RCVBUF: 0", "SO_RCVBUF: 32768", "set SO_SNDBUF: 0", "SO_SNDBUF: 32768"});
}

TEST_CASE("options: an accepted socket has those of its listener") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int listener = here.tcp_listener();
        here.set(listener, IPPROTO_TCP, TCP_NODELAY, 1);
        here.set(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
        co_await here.quietly(connect(here.tcp_socket(), here.address_of(listener)));
        const int server = co_await here.run(accept(listener));
        here.get(server, IPPROTO_TCP, TCP_NODELAY);
        here.get(server, SOL_SOCKET, SO_KEEPALIVE);
      },
      {"set TCP_NODELAY: 0", "set SO_KEEPALIVE: 0", "accept: a descriptor", "TCP_NODELAY: 1", "SO_KEEPALIVE: 1"});
}

TEST_CASE("options: those that there are not, and values that make no sense") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int socket = here.tcp_socket();
        here.set(socket, SOL_SOCKET, 12345, 1);
        here.get(socket, SOL_SOCKET, 12345);
        here.set(socket, IPPROTO_TCP, TCP_KEEPIDLE, 0);
        here.set(here.udp_socket(), IPPROTO_TCP, TCP_NODELAY, 1);
        here.set(-1, SOL_SOCKET, SO_KEEPALIVE, 1);
        here.set(socket, SOL_SOCKET, SO_ERROR, 1);
        co_return;
      },
      {"set option: ENOPROTOOPT", "option: ENOPROTOOPT", "set TCP_KEEPIDLE: EINVAL", "set TCP_NODELAY: ENOPROTOOPT",
       "set SO_KEEPALIVE: EBADF", "set SO_ERROR: ENOPROTOOPT"});
}

TEST_CASE("numbers: the lowest that is free comes next") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int first = here.tcp_socket();
        const int second = here.tcp_socket();
        here.close(first);
        const int third = here.tcp_socket();
        here.note("third has the first's", third == first);
        here.note("second has its own", second != third);
        co_return;
      },
      {"close: 0", "third has the first's: yes", "second has its own: yes"});
}

}  // namespace conformance
