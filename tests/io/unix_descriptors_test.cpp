// Descriptors that are handed over with bytes and with datagrams.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/unix_datagram.hpp>
#include <ringmill/io/unix_socket.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/error_of.hpp"
#include "../support/kernels.hpp"
#include "../support/sockets.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::ends;
using support::error_of;
using support::on_each_kernel;
using support::text_of;

namespace {

bool is_close_on_exec(const rm::fd& descriptor) { return (::fcntl(descriptor.number(), F_GETFD) & FD_CLOEXEC) != 0; }

ino_t inode_of(int descriptor) {
  struct stat found {};
  REQUIRE(::fstat(descriptor, &found) == 0);
  return found.st_ino;
}

}  // namespace

TEST_CASE("descriptors arrive as open files of one's own, close-on-exec, in their order") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_stream::pair();
    ends pipe = ends::of_pipe();
    const std::array sent{pipe.right.number(), pipe.left.number()};
    const std::array inodes{inode_of(sent[0]), inode_of(sent[1])};
    co_await left.send_with_descriptors("two", sent);
    std::array<std::byte, 16> buffer;
    rm::unix_message got = co_await right.receive_with_descriptors(buffer);
    CHECK(text_of(std::span(buffer).first(got.size)) == "two");
    CHECK_FALSE(got.lost_descriptors);
    CHECK_FALSE(got.is_truncated());
    REQUIRE(got.descriptors.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(got.descriptors[i].number() != sent[i]);
      CHECK(is_close_on_exec(got.descriptors[i]));
      CHECK(inode_of(got.descriptors[i].number()) == inodes[i]);
    }
    pipe.right.reset();
    CHECK(::write(got.descriptors[0].number(), "x", 1) == 1);
    std::array<char, 2> through{};
    CHECK(::read(pipe.left.number(), through.data(), through.size()) == 1);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("descriptors that were not asked for, or that nobody takes, are closed") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_stream::pair();
    ends pipe = ends::of_pipe();
    const std::array sent{pipe.right.number(), pipe.right.number(), pipe.right.number()};
    std::array<std::byte, 16> buffer;
    const int open = support::open_descriptors();

    for (const std::size_t asked : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
      co_await left.send_with_descriptors("x", sent);
      const rm::unix_message some = co_await right.receive_with_descriptors(buffer, asked);
      CHECK(some.descriptors.size() == asked);
      CHECK(some.lost_descriptors);
      CHECK(support::open_descriptors() == open + static_cast<int>(asked));
    }
    co_await left.send_with_descriptors("x", sent);
    const std::size_t read = co_await right.read_some(buffer);
    CHECK(read == 1);
    co_await left.send_with_descriptors("x", sent);
    co_await right.receive_with_descriptors(buffer);
    CHECK(support::open_descriptors() == open);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE(
    "the sender's process, which SO_PASSPIDFD of the handle asks for, is none of the descriptors that were sent") {
  constexpr int passes_process = 76;  // SO_PASSPIDFD of Linux 6.5, which older headers do not know
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_stream::pair();
    const int on = 1;
    if (::setsockopt(right.native_handle(), SOL_SOCKET, passes_process, &on, sizeof on) < 0) {
      MESSAGE("this kernel has no SO_PASSPIDFD (Linux 6.5)");
      co_return;
    }
    ends pipe = ends::of_pipe();
    const std::array sent{pipe.right.number()};
    std::array<std::byte, 16> buffer;
    const int open = support::open_descriptors();
    for (const std::size_t asked : {std::size_t{1}, std::size_t{16}}) {
      co_await left.send_with_descriptors("x", sent);
      const rm::unix_message got = co_await right.receive_with_descriptors(buffer, asked);
      REQUIRE(got.descriptors.size() == 1);
      CHECK(inode_of(got.descriptors[0].number()) == inode_of(sent[0]));
      CHECK(support::open_descriptors() == open + 1);
    }
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("descriptors that arrive for a cancelled await are closed, or wait for the next one") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_stream::pair();
    rm::unix_stream& from = left;
    rm::unix_stream& to = right;
    ends pipe = ends::of_pipe();
    const std::array sent{pipe.right.number()};
    std::array<std::byte, 1> buffer;
    const int open = support::open_descriptors();
    int received = 0;
    for (int round = 0; round < 60; ++round) {
      rm::nursery children;
      co_await children.run([&]() -> rm::task<> {
        children.start([&]() -> rm::task<> {
          const rm::unix_message got = co_await to.receive_with_descriptors(buffer);
          ++received;
          co_await rm::sleep_for(1h);
        });
        if (round % 3 == 1) co_await rm::yield();
        co_await from.send_with_descriptors("x", sent);
        if (round % 3 == 2) co_await rm::yield();
        children.cancel();
      });
      CHECK(support::open_descriptors() == open);
    }
    MESSAGE(received, " of 60 came in time");
    from.shutdown_write();
    int later = 0;
    for (;;) {
      const rm::unix_message got = co_await to.receive_with_descriptors(buffer);
      if (got.size == 0) break;
      CHECK(got.descriptors.size() == 1);
      ++later;
    }
    CHECK(received + later <= 60);
    CHECK(support::open_descriptors() == open);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a large send with descriptors gives them once, with its first bytes") {
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_stream::pair();
    rm::unix_stream& from = left;
    rm::unix_stream& to = right;
    ends pipe = ends::of_pipe();
    const std::array sent{pipe.right.number()};
    const std::string text(4 << 20, 'x');
    std::size_t got = 0;
    std::size_t descriptors = 0;
    rm::nursery both;
    co_await both.run([&]() -> rm::task<> {
      both.start([&]() -> rm::task<> {
        std::vector<std::byte> buffer(100'000);
        while (got < text.size()) {
          const rm::unix_message some = co_await to.receive_with_descriptors(buffer);
          if (got == 0) CHECK(some.descriptors.size() == 1);
          got += some.size;
          descriptors += some.descriptors.size();
        }
      });
      co_await from.send_with_descriptors(text, sent);
    });
    CHECK(got == text.size());
    CHECK(descriptors == 1);
  });
}

TEST_CASE("253 descriptors are the most, and what is not open cannot be sent") {
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_stream::pair();
    ends pipe = ends::of_pipe();
    std::vector<int> many(253, pipe.left.number());
    std::array<std::byte, 4> buffer;
    co_await left.send_with_descriptors("x", many);
    const rm::unix_message got = co_await right.receive_with_descriptors(buffer, 253);
    CHECK(got.descriptors.size() == 253);
    CHECK_FALSE(got.lost_descriptors);

    many.push_back(pipe.left.number());
    CHECK_THROWS_AS(static_cast<void>(left.send_with_descriptors("x", many)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(right.receive_with_descriptors(buffer, 254)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(left.send_with_descriptors("", many)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(right.receive_with_descriptors(std::span<std::byte>())), std::invalid_argument);
    const std::array nothing{-1};
    const std::error_code bad = co_await error_of(left.send_with_descriptors("x", nothing));
    CHECK(bad == std::errc::bad_file_descriptor);
  });
}

TEST_CASE("datagrams carry descriptors, and those of a cut one are not lost") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_datagram::pair();
    ends pipe = ends::of_pipe();
    const std::array sent{pipe.right.number(), pipe.left.number()};
    std::array<std::byte, 2> buffer;
    co_await left.send("", sent);
    const rm::unix_message empty = co_await right.receive_from(buffer, 2);
    CHECK(empty.size == 0);
    CHECK(empty.descriptors.size() == 2);
    co_await left.send("longer", sent);
    const rm::unix_message cut = co_await right.receive_from(buffer, 2);
    CHECK(cut.is_truncated());
    CHECK(cut.descriptors.size() == 2);
    const int open = support::open_descriptors();
    co_await left.send("x", sent);
    const rm::unix_message without = co_await right.receive_from(buffer);
    CHECK(without.descriptors.empty());
    CHECK(without.lost_descriptors);
    CHECK(support::open_descriptors() == open);
  });
  CHECK(support::open_descriptors() == before);
}
