// Sockets, pipes and what fills and empties them, by plain calls: what the other side of an operation does at once.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <vector>

#include <ringmill/io/address.hpp>
#include <ringmill/io/fd.hpp>

#include "plain_calls.hpp"

namespace support {

/// Throws the errno of a system call that failed.
inline int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

/// Two ends that are connected: of a stream between two processes, or of a pipe, then `left` is what reads.
class ends {
 public:
  static ends of_sockets() {
    std::array<int, 2> made{};
    checked(plain::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, made.data()), "socketpair");
    return ends(made);
  }
  static ends of_pipe() {
    std::array<int, 2> made{};
    checked(plain::pipe(made.data()), "pipe");
    return ends(made);
  }

  ringmill::fd left;
  ringmill::fd right;

 private:
  explicit ends(const std::array<int, 2>& made) : left(made[0]), right(made[1]) {}
};

/// Of 127.0.0.1, on a port that the kernel chose.
inline ringmill::fd listening_socket(int backlog = 4096) {
  ringmill::fd socket(checked(plain::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC), "socket"));
  const ringmill::address where = *ringmill::address::parse("127.0.0.1", 0);
  checked(plain::bind(socket.number(), where.data(), where.size()), "bind");
  checked(plain::listen(socket.number(), backlog), "listen");
  return socket;
}

inline ringmill::address address_of(const ringmill::fd& socket) {
  ringmill::address where;
  socklen_t length = ringmill::address::capacity();
  checked(plain::getsockname(socket.number(), where.data(), &length), "getsockname");
  return where;
}

/// A client whose connection is in the backlog, or on its way there if that is full.
inline ringmill::fd client_of(const ringmill::fd& listener) {
  ringmill::fd socket(checked(plain::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK), "socket"));
  const ringmill::address where = address_of(listener);
  if (plain::connect(socket.number(), where.data(), where.size()) < 0 && errno != EINPROGRESS) checked(-1, "connect");
  return socket;
}

/// Writes until the other side has no more room.
inline void fill(const ringmill::fd& handle) {
  const bool before = plain::set_non_blocking(handle.number(), true);
  const std::vector<std::byte> block(4096);
  for (std::size_t length = block.size(); length > 0;) {
    if (plain::write(handle.number(), block.data(), length) < 0) length /= 2;
  }
  plain::set_non_blocking(handle.number(), before);
}

/// Reads all that is there.
inline void drain(const ringmill::fd& handle) {
  const bool before = plain::set_non_blocking(handle.number(), true);
  std::vector<std::byte> block(65536);
  while (plain::read(handle.number(), block.data(), block.size()) > 0) {
  }
  plain::set_non_blocking(handle.number(), before);
}

/// When it takes that: a client's connection may still be on its way on a machine with other work.
inline void write_text(const ringmill::fd& handle, std::string_view text) {
  if (!plain::wait_until_ready(handle.number(), POLLOUT)) throw std::runtime_error("no room to write");
  const ssize_t size = plain::write(handle.number(), text.data(), text.size());
  checked(static_cast<int>(size), "write");
  if (size != static_cast<ssize_t>(text.size())) throw std::runtime_error("a short write");
}

/// While it lives, this process can open no more descriptors than it has.
class no_more_descriptors {
 public:
  no_more_descriptors() {
    checked(::getrlimit(RLIMIT_NOFILE, &before_), "getrlimit");
    const ringmill::fd next(checked(::dup(0), "dup"));  // the lowest that is free
    rlimit tight = before_;
    tight.rlim_cur = static_cast<rlim_t>(next.number());
    checked(::setrlimit(RLIMIT_NOFILE, &tight), "setrlimit");
  }
  ~no_more_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  no_more_descriptors(const no_more_descriptors&) = delete;
  no_more_descriptors& operator=(const no_more_descriptors&) = delete;

 private:
  rlimit before_{};
};

}  // namespace support
