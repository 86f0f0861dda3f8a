// Unix sockets: addresses, streams, listeners and their files, datagrams, and what goes over them besides bytes.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/unix_datagram.hpp>
#include <ringmill/io/unix_socket.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::contains;
using support::on_each_kernel;
using support::on_each_kernel_and_simulated;

namespace {

/// A folder of its own, removed with all that is in it.
class scratch_folder {
 public:
  scratch_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "ringmill-unix-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~scratch_folder() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// An abstract name that no other test has.
rm::unix_address fresh_name() {
  static int count = 0;
  return rm::unix_address::abstract("ringmill-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
}

std::string text_of(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

template <class Awaitable>
rm::task<std::error_code> error_of(Awaitable awaitable) {
  try {
    co_await std::move(awaitable);
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

class two_ends {
 public:
  rm::fd reader;
  rm::fd writer;
};

two_ends make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  two_ends made;
  made.reader = rm::fd(ends[0]);
  made.writer = rm::fd(ends[1]);
  return made;
}

bool is_close_on_exec(const rm::fd& descriptor) { return (::fcntl(descriptor.number(), F_GETFD) & FD_CLOEXEC) != 0; }

ino_t inode_of(int descriptor) {
  struct stat found {};
  REQUIRE(::fstat(descriptor, &found) == 0);
  return found.st_ino;
}

rm::task<std::string> read_to_end(rm::unix_stream& stream) {
  std::string text;
  std::array<std::byte, 65536> buffer;
  while (const std::size_t n = co_await stream.read_some(buffer)) text += text_of(std::span(buffer).first(n));
  co_return text;
}

/// Sends until the queue is full: three times in a row nothing goes in any more.
template <class Send>
rm::task<> fill_up(Send send) {
  for (int stuck = 0; stuck < 3;) {
    const bool sent = co_await rm::move_on_after(5ms, send());
    stuck = sent ? 0 : stuck + 1;
  }
}

}  // namespace

TEST_CASE("an address is a path, an abstract name, or nothing, and says which") {
  const auto path = rm::unix_address::path("/run/a.socket");
  CHECK(path.is_path());
  CHECK(path.name() == "/run/a.socket");
  CHECK(path.to_string() == "/run/a.socket");
  const auto abstract = rm::unix_address::abstract(std::string("a\0b", 3));
  CHECK(abstract.is_abstract());
  CHECK(abstract.name() == std::string("a\0b", 3));
  CHECK(abstract.to_string() == "@a\\x00b");
  CHECK(rm::unix_address().is_unnamed());
  CHECK(rm::unix_address().to_string() == "(unnamed)");
  CHECK(rm::unix_address::abstract("").is_abstract());

  CHECK(path == rm::unix_address::path("/run/a.socket"));
  CHECK_FALSE(path == rm::unix_address::abstract("/run/a.socket"));
  CHECK_FALSE(rm::unix_address::abstract("a") == rm::unix_address::abstract(std::string("a\0", 2)));
  CHECK_FALSE(rm::unix_address() == rm::unix_address::abstract(""));

  CHECK_NOTHROW(rm::unix_address::path(std::string(107, 'x')));
  CHECK_THROWS_AS(rm::unix_address::path(std::string(108, 'x')), std::invalid_argument);
  CHECK_NOTHROW(rm::unix_address::abstract(std::string(107, 'x')));
  CHECK_THROWS_AS(rm::unix_address::abstract(std::string(108, 'x')), std::invalid_argument);
  CHECK_THROWS_AS(rm::unix_address::path(""), std::invalid_argument);
  CHECK_THROWS_AS(rm::unix_address::path(std::string("/run/a\0b", 8)), std::invalid_argument);
}

TEST_CASE("a client connects to a path or an abstract name, and both ends talk until one shuts down") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const scratch_folder folder;
    for (const rm::unix_address& where : {rm::unix_address::path(folder.file("s")), fresh_name()}) {
      CAPTURE(where.to_string());
      auto listener = rm::unix_listener::bind(where);
      CHECK(listener.local() == where);
      auto client = co_await rm::unix_stream::connect(where);
      auto server = co_await listener.accept();
      CHECK(client.peer() == where);
      CHECK(server.local() == where);
      CHECK(server.peer().is_unnamed());
      co_await client.write_all("hello");
      client.shutdown_write();
      const std::string heard = co_await read_to_end(server);
      CHECK(heard == "hello");
    }
  });
}

TEST_CASE("a megabyte goes through a pair") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto [left, right] = rm::unix_stream::pair();
    std::string text(1 << 20, 'x');
    for (std::size_t i = 0; i < text.size(); i += 4093) text[i] = static_cast<char>('a' + i % 26);
    std::string got;
    rm::nursery both;
    rm::unix_stream& to = left;
    rm::unix_stream& from = right;
    co_await both.run([&]() -> rm::task<> {
      both.start([&]() -> rm::task<> { got = co_await read_to_end(from); });
      co_await to.write_all(text);
      to.shutdown_write();
    });
    CHECK(got == text);
  });
}

TEST_CASE("nobody there, no such file, no right: errors that name the address") {
  on_each_kernel([]() -> rm::task<> {
    const scratch_folder folder;
    const auto nowhere = rm::unix_address::path(folder.file("nobody"));
    try {
      co_await rm::unix_stream::connect(nowhere);
      FAIL("connected to nobody");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::no_such_file_or_directory);
      contains(error.what(), "connect to " + nowhere.to_string());
    }
    const std::error_code refused = co_await error_of(rm::unix_stream::connect(fresh_name()));
    CHECK(refused == std::errc::connection_refused);
    CHECK_THROWS_AS(rm::unix_listener::bind(rm::unix_address::path(folder.file("no/such/folder"))), std::system_error);
    CHECK_THROWS_AS(rm::unix_listener::bind(fresh_name(), rm::unix_bind_options().mode(0600)), std::invalid_argument);
  });
}

TEST_CASE("a listener removes its file when it is closed or destroyed, but no other in its place") {
  on_each_kernel([]() -> rm::task<> {
    const scratch_folder folder;
    const std::string file = folder.file("s");
    const auto where = rm::unix_address::path(file);
    {
      const auto listener = rm::unix_listener::bind(where);
      CHECK(std::filesystem::exists(file));
    }
    CHECK_FALSE(std::filesystem::exists(file));

    auto closed = rm::unix_listener::bind(where);
    auto moved = std::move(closed);
    closed.close();
    CHECK(std::filesystem::exists(file));
    moved.close();
    CHECK_FALSE(std::filesystem::exists(file));

    auto kept = rm::unix_listener::bind(where, rm::unix_bind_options().keep_file());
    kept.close();
    CHECK(std::filesystem::exists(file));
    std::filesystem::remove(file);

    auto replaced = rm::unix_listener::bind(where);
    std::filesystem::remove(file);
    std::ofstream(file) << "somebody else's";
    replaced.close();
    CHECK(std::filesystem::exists(file));
    co_return;
  });
}

TEST_CASE("a file that was left behind is in the way, unless its removal was asked for") {
  on_each_kernel([]() -> rm::task<> {
    const scratch_folder folder;
    const std::string file = folder.file("s");
    const auto where = rm::unix_address::path(file);
    const auto replacing = rm::unix_bind_options().remove_stale_file();
    rm::unix_listener::bind(where, rm::unix_bind_options().keep_file()).close();
    try {
      rm::unix_listener::bind(where);
      FAIL("bound to a file that is there");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::address_in_use);
      contains(error.what(), "bind " + file);
    }
    auto listener = rm::unix_listener::bind(where, replacing);
    // That one is alive: it stays.
    CHECK_THROWS_AS(rm::unix_listener::bind(where, replacing), std::system_error);
    CHECK_THROWS_AS(rm::unix_datagram::bind(where, replacing), std::system_error);
    co_await rm::unix_stream::connect(where);
    listener.close();

    std::ofstream(file) << "no socket";
    CHECK_THROWS_AS(rm::unix_listener::bind(where, replacing), std::system_error);
    CHECK(std::filesystem::is_regular_file(file));
  });
}

TEST_CASE("the file has the mode that was asked for, whatever the umask") {
  on_each_kernel([]() -> rm::task<> {
    const scratch_folder folder;
    const auto mode_of = [](const std::string& file) {
      struct stat found {};
      CHECK(::stat(file.c_str(), &found) == 0);
      return found.st_mode & 0777U;
    };
    const auto listener =
        rm::unix_listener::bind(rm::unix_address::path(folder.file("l")), rm::unix_bind_options().mode(0600));
    CHECK(mode_of(folder.file("l")) == 0600);
    const auto datagram =
        rm::unix_datagram::bind(rm::unix_address::path(folder.file("d")), rm::unix_bind_options().mode(0666));
    CHECK(mode_of(folder.file("d")) == 0666);
    co_return;
  });
}

TEST_CASE("a connect waits while the backlog is full, can be cancelled there, and goes on when there is room") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const auto where = fresh_name();
    auto listener = rm::unix_listener::bind(where, rm::unix_bind_options().backlog(1));
    std::vector<rm::unix_stream> waiting;
    for (;;) {
      auto one = co_await rm::move_on_after(50ms, rm::unix_stream::connect(where));
      if (!one) break;
      waiting.push_back(std::move(*one));
      REQUIRE(waiting.size() < 10);
    }
    CHECK(rm::ring::current().in_flight() == 0);
    bool connected = false;
    rm::nursery both;
    co_await both.run([&]() -> rm::task<> {
      both.start([&]() -> rm::task<> {
        const auto late = co_await rm::with_timeout(5s, rm::unix_stream::connect(where));
        connected = static_cast<bool>(late);
      });
      co_await rm::yield();
      const auto first = co_await listener.accept();
    });
    CHECK(connected);
  });
}

TEST_CASE("a connect to a full backlog ends when it is cancelled in the turn in which it was begun") {
  // The kernel tries it again and again at first, and its cancel does not find it meanwhile: it has to be asked again.
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto listener = rm::unix_listener::bind(fresh_name(), rm::unix_bind_options().backlog(0));
    const rm::unix_address where = listener.local();
    const auto first = co_await rm::unix_stream::connect(where);
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start([&]() -> rm::task<> { const auto second = co_await rm::unix_stream::connect(where); });
      group.start([&]() -> rm::task<> {
        group.cancel();
        co_return;
      });
      co_return;
    });
    CHECK(rm::ring::current().in_flight() == 0);
  });
}

TEST_CASE("who is at the other end is known by process, user and group, and as a process") {
  on_each_kernel([]() -> rm::task<> {
    const auto where = fresh_name();
    auto listener = rm::unix_listener::bind(where);
    auto client = co_await rm::unix_stream::connect(where);
    auto server = co_await listener.accept();
    for (const rm::unix_stream* end : {&client, &server}) {
      const rm::unix_credentials who = end->peer_credentials();
      CHECK(who.process == ::getpid());
      CHECK(who.user == ::geteuid());
      CHECK(who.group == ::getegid());
    }
    const rm::fd process = server.peer_pidfd();
    if (!process) {
      MESSAGE("this kernel has no SO_PEERPIDFD (Linux 6.5)");
      co_return;
    }
    CHECK(is_close_on_exec(process));
    pollfd running{.fd = process.number(), .events = POLLIN, .revents = 0};
    CHECK(::poll(&running, 1, 0) == 0);  // readable only when it has ended
  });
}

TEST_CASE("descriptors arrive as open files of one's own, close-on-exec, in their order") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_stream::pair();
    two_ends pipe = make_pipe();
    const std::array sent{pipe.writer.number(), pipe.reader.number()};
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
    pipe.writer.reset();
    CHECK(::write(got.descriptors[0].number(), "x", 1) == 1);
    std::array<char, 2> through{};
    CHECK(::read(pipe.reader.number(), through.data(), through.size()) == 1);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("descriptors that were not asked for, or that nobody takes, are closed") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_stream::pair();
    two_ends pipe = make_pipe();
    const std::array sent{pipe.writer.number(), pipe.writer.number(), pipe.writer.number()};
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

TEST_CASE("descriptors that arrive for a cancelled await are closed, or wait for the next one") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_stream::pair();
    rm::unix_stream& from = left;
    rm::unix_stream& to = right;
    two_ends pipe = make_pipe();
    const std::array sent{pipe.writer.number()};
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
    two_ends pipe = make_pipe();
    const std::array sent{pipe.writer.number()};
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
    two_ends pipe = make_pipe();
    std::vector<int> many(253, pipe.reader.number());
    std::array<std::byte, 4> buffer;
    co_await left.send_with_descriptors("x", many);
    const rm::unix_message got = co_await right.receive_with_descriptors(buffer, 253);
    CHECK(got.descriptors.size() == 253);
    CHECK_FALSE(got.lost_descriptors);

    many.push_back(pipe.reader.number());
    CHECK_THROWS_AS(static_cast<void>(left.send_with_descriptors("x", many)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(right.receive_with_descriptors(buffer, 254)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(left.send_with_descriptors("", many)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(right.receive_with_descriptors(std::span<std::byte>())), std::invalid_argument);
    const std::array nothing{-1};
    const std::error_code bad = co_await error_of(left.send_with_descriptors("x", nothing));
    CHECK(bad == std::errc::bad_file_descriptor);
  });
}

TEST_CASE("datagrams keep their bounds and their order, name their sender, and can be empty") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::unix_datagram::bind(fresh_name());
    auto client = rm::unix_datagram::bind(rm::unix_address());
    CHECK(client.local().is_abstract());
    co_await client.send_to("first", server.local());
    co_await client.send_to("", server.local());
    co_await client.send_to("0123456789", server.local());
    std::array<std::byte, 6> buffer;
    const rm::unix_message first = co_await server.receive_from(buffer);
    CHECK(text_of(std::span(buffer).first(first.size)) == "first");
    CHECK(first.peer == client.local());
    const rm::unix_message empty = co_await server.receive_from(buffer);
    CHECK(empty.size == 0);
    CHECK(empty.peer == client.local());
    const rm::unix_message cut = co_await server.receive_from(buffer);
    CHECK(cut.is_truncated());
    CHECK(cut.size == 6);
    CHECK(cut.full_size == 10);

    auto connected = co_await rm::unix_datagram::connect(std::move(client), server.local());
    CHECK(connected.peer() == server.local());
    co_await server.send_to("answer", first.peer);
    const rm::unix_message answer = co_await connected.receive_from(buffer);
    CHECK(text_of(std::span(buffer).first(answer.size)) == "answer");
    auto nameless = co_await rm::unix_datagram::connect(server.local());
    co_await nameless.send("x");
    const rm::unix_message from_nameless = co_await server.receive_from(buffer);
    CHECK(from_nameless.peer.is_unnamed());
    server.close();
    const std::error_code gone = co_await error_of(connected.send("x"));
    CHECK(gone == std::errc::connection_refused);
  });
}

TEST_CASE("a sender of datagrams waits for a slow receiver, to a peer or to an address, and loses nothing") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::unix_datagram::bind(fresh_name());
    const rm::unix_address where = server.local();
    auto connected = co_await rm::unix_datagram::connect(where);
    auto bound = rm::unix_datagram::bind(rm::unix_address());
    std::vector<std::string> got;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> {
        for (int i = 0; i < 100; ++i) co_await connected.send("a" + std::to_string(i));
      });
      all.start([&]() -> rm::task<> {
        for (int i = 0; i < 100; ++i) co_await bound.send_to("b" + std::to_string(i), where);
      });
      co_await rm::sleep_for(5ms);  // the queue holds eleven
      std::array<std::byte, 16> buffer;
      while (got.size() < 200) {
        const rm::unix_message one = co_await rm::with_timeout(5s, server.receive_from(buffer));
        got.push_back(text_of(std::span(buffer).first(one.size)));
      }
    });
    for (const char sender : {'a', 'b'}) {
      std::vector<std::string> of_one;
      std::copy_if(got.begin(), got.end(), std::back_inserter(of_one),
                   [&](const std::string& text) { return text[0] == sender; });
      REQUIRE(of_one.size() == 100);
      for (std::size_t i = 0; i < 100; ++i) CHECK(of_one[i] == sender + std::to_string(i));
    }
  });
}

TEST_CASE("a send of datagrams that waits is cancelled, or ends with its socket") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto [left, right] = rm::unix_datagram::pair();
    rm::unix_datagram& from = left;
    co_await fill_up([&]() -> rm::task<> { co_await from.send("x"); });
    CHECK(rm::ring::current().in_flight() == 0);
    std::error_code code;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { code = co_await error_of(from.send("x")); });
      co_await rm::sleep_for(1ms);
      from.close();
    });
    CHECK(code == std::errc::operation_canceled);
  });
}

TEST_CASE("a send to the address of a full queue is cancelled, or ends with its socket, while it waits to try again") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    auto server = rm::unix_datagram::bind(fresh_name());
    const rm::unix_address where = server.local();
    auto from = rm::unix_datagram::bind(rm::unix_address());
    co_await fill_up([&]() -> rm::task<> { co_await from.send_to("x", where); });
    CHECK(rm::ring::current().in_flight() == 0);
    std::error_code code;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { code = co_await error_of(from.send_to("x", where)); });
      co_await rm::sleep_for(1ms);
      from.close();
    });
    CHECK(code == std::errc::operation_canceled);
    std::array<std::byte, 4> buffer;
    const rm::unix_message one = co_await server.receive_from(buffer);
    CHECK(one.size == 1);
  });
}

TEST_CASE("datagrams carry descriptors, and those of a cut one are not lost") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto [left, right] = rm::unix_datagram::pair();
    two_ends pipe = make_pipe();
    const std::array sent{pipe.writer.number(), pipe.reader.number()};
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

TEST_CASE("closing ends what is in flight: an accept, a receive of descriptors, a datagram") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto listener = rm::unix_listener::bind(fresh_name());
    auto [left, right] = rm::unix_stream::pair();
    rm::unix_stream& stream = left;
    auto datagram = rm::unix_datagram::bind(fresh_name());
    std::array<std::byte, 4> buffer;
    std::array<std::error_code, 3> codes;
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> { codes[0] = co_await error_of(listener.accept()); });
      children.start([&]() -> rm::task<> { codes[1] = co_await error_of(stream.receive_with_descriptors(buffer)); });
      children.start([&]() -> rm::task<> { codes[2] = co_await error_of(datagram.receive_from(buffer)); });
      co_await rm::sleep_for(1ms);
      listener.close();
      stream.close();
      datagram.close();
    });
    for (const std::error_code& code : codes) CHECK(code == std::errc::operation_canceled);
  });
  CHECK(support::open_descriptors() == before);
}
