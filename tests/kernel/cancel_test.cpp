// What the kernel does with operations whose socket is closed or shut down, and with cancels.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <filesystem>
#include <span>
#include <string>

#include "../support/sockets.hpp"
#include "raw_ring.hpp"

using kernel_test::completion;
using kernel_test::raw_ring;
using kernel_test::saw;
using support::ends;

namespace {

constexpr std::uint64_t of_receive = 1;
constexpr std::uint64_t of_cancel = 2;

void start_receive(raw_ring& ring, const ringmill::fd& socket, std::span<char> buffer) {
  io_uring_sqe* const entry = ring.entry(of_receive);
  io_uring_prep_recv(entry, socket.number(), buffer.data(), buffer.size(), 0);
  ring.tag(entry);
  ring.submit();
}

void start_cancel(raw_ring& ring) {
  io_uring_sqe* const entry = ring.entry(of_cancel);
  io_uring_prep_cancel64(entry, of_receive, 0);
  ring.tag(entry);
}

}  // namespace

TEST_CASE("kernel: a close does not end a receive in flight, whose bytes still land") {
  raw_ring ring;
  ends both = ends::of_sockets();
  std::array<char, 8> buffer{};
  start_receive(ring, both.left, buffer);
  CHECK(ring.collect(1, 20).empty());
  ::close(both.left.release());
  CHECK(ring.collect(1, 50).empty());
  support::write_text(both.right, "late");
  const auto done = ring.collect(1);
  REQUIRE(done.size() == 1);
  CHECK(done[0].result == 4);
  CHECK(std::string(buffer.data()) == "late");
}

TEST_CASE("kernel: a shutdown ends a receive in flight") {
  raw_ring ring;
  const ends both = ends::of_sockets();
  std::array<char, 8> buffer{};
  start_receive(ring, both.left, buffer);
  CHECK(ring.collect(1, 20).empty());
  ::shutdown(both.left.number(), SHUT_RDWR);
  const auto done = ring.collect(1);
  REQUIRE(done.size() == 1);
  CHECK(done[0].result == 0);
}

TEST_CASE("kernel: a cancel is answered, and so is what it cancels") {
  raw_ring ring;
  const ends both = ends::of_sockets();
  std::array<char, 8> buffer{};
  start_receive(ring, both.left, buffer);
  CHECK(ring.collect(1, 20).empty());
  start_cancel(ring);
  const auto done = ring.collect(2);
  REQUIRE(done.size() == 2);
  saw("the first answer after a cancel", done[0].tag == of_cancel ? "that of the cancel" : "that of its target");
  for (const completion& one : done) CHECK(one.result == (one.tag == of_cancel ? 0 : -ECANCELED));
}

TEST_CASE("kernel: data that comes after a cancel has won stays in the socket") {
  raw_ring ring;
  const ends both = ends::of_sockets();
  std::array<char, 8> buffer{};
  start_receive(ring, both.left, buffer);
  CHECK(ring.collect(1, 20).empty());
  start_cancel(ring);
  CHECK(ring.collect(2).size() == 2);
  support::write_text(both.right, "kept");
  CHECK(::read(both.left.number(), buffer.data(), buffer.size()) == 4);
}

TEST_CASE("kernel: when data and a cancel meet, the receive has either all of it or nothing") {
  for (int round = 0; round < 200; ++round) {
    raw_ring ring(8, 16);
    const ends both = ends::of_sockets();
    std::array<char, 8> buffer{};
    start_receive(ring, both.left, buffer);
    support::write_text(both.right, "race");
    start_cancel(ring);
    const auto done = ring.collect(2);
    REQUIRE(done.size() == 2);
    for (const completion& one : done) {
      if (one.tag == of_cancel) continue;
      const ssize_t rest = ::recv(both.left.number(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      CHECK((one.result == 4) == (rest == -1));
      CHECK((one.result == -ECANCELED) == (rest == 4));
    }
  }
}

TEST_CASE("kernel: a cancel of what is not there any more says so") {
  raw_ring ring;
  start_cancel(ring);
  const auto done = ring.collect(1);
  REQUIRE(done.size() == 1);
  CHECK(done[0].result == -ENOENT);
}

TEST_CASE("kernel: a cancel of what is about to be tried again may not find it, and is to be asked again") {
  raw_ring ring;
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  socklen_t length = sizeof where;
  const ringmill::fd listener(support::checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  auto* const address = reinterpret_cast<sockaddr*>(&where);
  support::checked(::bind(listener.number(), address, sizeof where.sun_family), "bind");
  support::checked(::getsockname(listener.number(), address, &length), "getsockname");
  support::checked(::listen(listener.number(), 0), "listen");
  const ringmill::fd first(support::checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  support::checked(::connect(first.number(), address, length), "connect");
  const ringmill::fd second(support::checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  io_uring_sqe* const entry = ring.entry(of_receive);
  io_uring_prep_connect(entry, second.number(), address, length);
  ring.tag(entry);
  start_cancel(ring);
  bool has_ended = false;
  int questions = 1;
  for (; !has_ended && questions < 1000; ++questions) {
    for (const completion& one : ring.collect(2, 20)) {
      if (one.tag == of_receive) has_ended = true;
      if (one.tag == of_cancel && questions == 1) {
        saw("a cancel of a connect that is tried again", one.result == -ENOENT ? "not found" : "found");
      }
    }
    if (!has_ended) start_cancel(ring);
  }
  CHECK(has_ended);
}

TEST_CASE("kernel: a cancel by descriptor hits what is in flight on its duplicates") {
  raw_ring ring;
  const ends both = ends::of_sockets();
  const ringmill::fd same(support::checked(::dup(both.left.number()), "dup"));
  std::array<char, 8> buffer{};
  start_receive(ring, same, buffer);
  CHECK(ring.collect(1, 20).empty());
  io_uring_sqe* const entry = ring.entry(of_cancel);
  io_uring_prep_cancel_fd(entry, both.left.number(), IORING_ASYNC_CANCEL_ALL);
  ring.tag(entry);
  for (const completion& one : ring.collect(2)) CHECK(one.result == (one.tag == of_cancel ? 1 : -ECANCELED));
}

TEST_CASE("kernel: the open of a named pipe for reading may not wait for a writer") {
  raw_ring ring;
  const std::string path =
      (std::filesystem::temp_directory_path() / ("ringmill-pipe-" + std::to_string(getpid()))).string();
  ::unlink(path.c_str());
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  io_uring_sqe* const entry = ring.entry(of_receive);
  io_uring_prep_openat(entry, AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC, 0);
  ring.tag(entry);
  const auto done = ring.collect(1, 200);
  saw("open of a named pipe for reading", done.empty() ? "waits for a writer" : "comes back at once");
  if (done.empty()) {
    start_cancel(ring);
    CHECK(ring.collect(2).size() == 2);
  } else {
    ::close(done[0].result);
  }
  ::unlink(path.c_str());
}

TEST_CASE("kernel: a cancel that has interrupted a worker thread may be lost, and asking again ends it") {
  raw_ring ring;
  int lost = 0;
  for (int round = 0; round < 300; ++round) {
    const ends empty = ends::of_pipe();
    const ends full = ends::of_pipe();
    support::fill(full.right);
    support::write_text(empty.right, "x");
    io_uring_sqe* const entry = ring.entry(of_receive);
    io_uring_prep_splice(entry, empty.left.number(), -1, full.right.number(), -1, 1, 0);
    ring.tag(entry);
    ring.collect(1, round % 2);  // the thread may be about to take it up
    for (int questions = 0;; ++questions) {
      REQUIRE(questions < 1'000'000);
      start_cancel(ring);
      const auto first = ring.collect(1);
      REQUIRE(first.size() == 1);
      const bool has_answered = first[0].tag == of_cancel;
      if (has_answered && first[0].result == -ENOENT) continue;
      if (!ring.collect(1, 200).empty()) break;  // the other one of the two
      CHECK(has_answered);
      CHECK(first[0].result == -EALREADY);
      ++lost;
    }
  }
  saw("cancels of 300 splices that were lost", std::to_string(lost));
}
