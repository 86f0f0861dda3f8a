// Unix sockets as streams: addresses, files, listeners, connections.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
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
#include "../support/scratch.hpp"
#include "../support/text.hpp"
#include "../support/unix_sockets.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::contains;
using support::error_of;
using support::fresh_name;
using support::on_each_kernel;
using support::on_each_kernel_and_simulated;
using support::scratch;
using support::text_of;

namespace {

rm::task<std::string> read_to_end(rm::unix_stream& stream) {
  std::string text;
  std::array<std::byte, 65536> buffer;
  while (const std::size_t n = co_await stream.read_some(buffer)) text += text_of(std::span(buffer).first(n));
  co_return text;
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
    const rm::temporary_directory folder = co_await rm::temporary_directory::create();
    for (const rm::unix_address& where : {rm::unix_address::path(folder.path() + "/s"), fresh_name()}) {
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
    const scratch folder;
    const auto nowhere = rm::unix_address::path(folder / "nobody");
    try {
      co_await rm::unix_stream::connect(nowhere);
      FAIL("connected to nobody");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::no_such_file_or_directory);
      contains(error.what(), "connect to " + nowhere.to_string());
    }
    const std::error_code refused = co_await error_of(rm::unix_stream::connect(fresh_name()));
    CHECK(refused == std::errc::connection_refused);
    CHECK_THROWS_AS(rm::unix_listener::bind(rm::unix_address::path(folder / "no/such/folder")), std::system_error);
    CHECK_THROWS_AS(rm::unix_listener::bind(fresh_name(), rm::unix_bind_options().mode(0600)), std::invalid_argument);
  });
}

TEST_CASE("a listener removes its file when it is closed or destroyed, but no other in its place") {
  on_each_kernel([]() -> rm::task<> {
    const scratch folder;
    const std::string file = folder / "s";
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
    const scratch folder;
    const std::string file = folder / "s";
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
    const scratch folder;
    const auto mode_of = [](const std::string& file) {
      struct stat found {};
      CHECK(::stat(file.c_str(), &found) == 0);
      return found.st_mode & 0777U;
    };
    const auto listener =
        rm::unix_listener::bind(rm::unix_address::path(folder / "l"), rm::unix_bind_options().mode(0600));
    CHECK(mode_of(folder / "l") == 0600);
    const auto datagram =
        rm::unix_datagram::bind(rm::unix_address::path(folder / "d"), rm::unix_bind_options().mode(0666));
    CHECK(mode_of(folder / "d") == 0666);
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
    CHECK((::fcntl(process.number(), F_GETFD) & FD_CLOEXEC) != 0);
    pollfd running{.fd = process.number(), .events = POLLIN, .revents = 0};
    CHECK(::poll(&running, 1, 0) == 0);  // readable only when it has ended
  });
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
