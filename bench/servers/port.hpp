// What the servers that are measured have in common: `NAME PORT`, on 127.0.0.1.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

/// From the command line; ends the program, with the usage, if there is none.
inline std::uint16_t port_of(const char* program, int argc, char** argv) {
  const int port = argc >= 2 ? std::atoi(argv[1]) : 0;
  if (port > 0 && port <= 65535) return static_cast<std::uint16_t>(port);
  std::fprintf(stderr, "usage: %s PORT\n", program);
  std::exit(2);
}

/// A listening socket whose connections send small messages at once.
inline int listen_on(std::uint16_t port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(port);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 || listen(listener, 4096) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return listener;
}
