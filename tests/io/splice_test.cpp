#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>

#include <array>
#include <optional>
#include <string>
#include <system_error>

#include <ringmill/ringmill.hpp>

#include "../support/connection.hpp"
#include "../support/kernels.hpp"
#include "../support/scratch.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::connected;
using support::contents_of;
using support::make_connection;
using support::make_file;
using support::on_each_kernel;
using support::scratch;

namespace {

rm::task<std::string> read_whole(rm::tcp_stream& stream) {
  std::string text;
  std::string buffer(65536, '\0');
  while (const std::size_t n = co_await stream.read_some(std::as_writable_bytes(std::span(buffer)))) {
    text.append(buffer, 0, n);
  }
  co_return text;
}

rm::task<std::uint64_t> send_and_close(rm::tcp_stream& to, rm::file& from, std::uint64_t offset, std::uint64_t count) {
  const std::uint64_t sent = co_await rm::send_file(to, from, offset, count);
  to.shutdown_write();
  co_return sent;
}

std::string some_text(std::size_t size) {
  std::string text(size, 'x');
  for (std::size_t i = 0; i < size; i += 509) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

template <class Operation>
rm::task<std::error_code> code_of(Operation operation) {
  try {
    co_await std::move(operation);
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

}  // namespace

TEST_CASE("a file is sent whole, or the part that was asked for") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    const std::string text = some_text(3'000'001);
    make_file(here / "file", text);
    rm::file from = co_await rm::file::open(here / "file");
    const auto send = [&](std::uint64_t offset, std::uint64_t count) -> rm::task<std::string> {
      connected both;
      co_await make_connection(both);
      const auto results = co_await rm::with_timeout(
          20s, rm::when_all(send_and_close(both.client, from, offset, count), read_whole(both.server)));
      CHECK(std::get<0>(results) == std::get<1>(results).size());
      co_return std::get<1>(results);
    };
    std::string got = co_await send(0, rm::to_the_end);
    CHECK(got == text);
    got = co_await send(1'000'001, 1'500'000);
    CHECK(got == text.substr(1'000'001, 1'500'000));
    got = co_await send(2'999'999, 10);
    CHECK(got == text.substr(2'999'999));
    got = co_await send(3'000'001, 10);
    CHECK(got.empty());
    got = co_await send(5, 0);
    CHECK(got.empty());
    std::string first(1, '\0');
    co_await from.read_some(std::as_writable_bytes(std::span(first)));
    CHECK(first[0] == text[0]);  // the position has not moved
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("sending a file to a peer that has gone throws and raises no signal") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    make_file(here / "file", std::string(20'000'000, 'x'));
    rm::file from = co_await rm::file::open(here / "file");
    connected both;
    co_await make_connection(both);
    both.server = rm::tcp_stream();
    static volatile sig_atomic_t signals = 0;
    const auto before = ::signal(SIGPIPE, [](int) { signals = 1; });
    const std::error_code code = co_await rm::with_timeout(20s, code_of(rm::send_file(both.client, from)));
    ::signal(SIGPIPE, before);
    const bool expected = code == std::errc::broken_pipe || code == std::errc::connection_reset;
    CHECK(expected);
    CHECK(signals == 0);
  });
}

TEST_CASE("send_file to a peer that does not read is cancelled, before its start and while it waits") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    make_file(here / "file", std::string(20'000'000, 'x'));
    rm::file from = co_await rm::file::open(here / "file");
    for (int turns = 0; turns < 12; ++turns) {
      connected both;
      co_await make_connection(both);
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> { co_await rm::send_file(both.client, from); });
        for (int i = 0; i < turns; ++i) co_await rm::yield();
        if (turns > 8) co_await rm::sleep_for(5ms);
        all.cancel();
      });
      CHECK(rm::ring::current().in_flight() == 0);
    }
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("closing the socket, or the file, ends send_file with an error") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    make_file(here / "file", std::string(20'000'000, 'x'));
    for (const bool socket : {true, false}) {
      rm::file from = co_await rm::file::open(here / "file");
      connected both;
      co_await make_connection(both);
      std::error_code code;
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> { code = co_await code_of(rm::send_file(both.client, from)); });
        co_await rm::sleep_for(5ms);
        if (socket) {
          both.client = rm::tcp_stream();
        } else {
          co_await from.close();
          std::string buffer(1 << 20, '\0');  // the peer reads on, until nothing comes
          const auto bytes = std::as_writable_bytes(std::span(buffer));
          while (!code) co_await rm::move_on_after(1ms, both.server.read_some(bytes));
        }
      });
      CHECK(static_cast<bool>(code));
    }
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("splice moves bytes between pipes, files and sockets") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    make_file(here / "from", "from a file");
    rm::file from = co_await rm::file::open(here / "from");
    const rm::file_options writing = rm::file_options::write_only().create();
    rm::file to = co_await rm::file::open(here / "to", writing);
    connected both;
    co_await make_connection(both);
    auto [reader, writer] = rm::make_pipe();
    auto [second_reader, second_writer] = rm::make_pipe();

    std::size_t moved = co_await rm::splice(from, writer, 100);
    CHECK(moved == 11);
    moved = co_await rm::splice(from, writer, 100);
    CHECK(moved == 0);  // its end
    moved = co_await rm::splice(reader, second_writer, 100);
    CHECK(moved == 11);
    moved = co_await rm::splice(second_reader, both.client, 100);
    CHECK(moved == 11);
    moved = co_await rm::splice(both.server, writer, 100);
    CHECK(moved == 11);
    moved = co_await rm::splice(reader, to, 6);
    CHECK(moved == 6);
    moved = co_await rm::splice(reader, to, 100);
    CHECK(moved == 5);
    CHECK(contents_of(here / "to") == "from a file");
    const std::error_code code = co_await code_of(rm::splice_op(from.handle(), 0, to.handle(), 0, 5));
    CHECK(code == std::errc::invalid_argument);  // none is a pipe
  });
}

TEST_CASE("a splice that waits is cancelled, and ended when its target is closed") {
  on_each_kernel([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    auto [reader, writer] = rm::make_pipe();
    auto [unused_reader, other_writer] = rm::make_pipe();
    for (int i = 0; i < 20; ++i) {
      CHECK_THROWS_AS(co_await rm::with_timeout(1ms, rm::splice(both.server, writer, 100)), rm::timeout_error);
      CHECK_THROWS_AS(co_await rm::with_timeout(1ms, rm::splice(reader, other_writer, 100)), rm::timeout_error);
    }
    CHECK(rm::ring::current().in_flight() == 0);
    std::error_code code;
    rm::nursery all;
    co_await all.run([&, &to = writer]() -> rm::task<> {
      all.start([&]() -> rm::task<> { code = co_await code_of(rm::splice(both.server, to, 100)); });
      co_await rm::sleep_for(5ms);
      to.close();
    });
    CHECK(code == std::errc::operation_canceled);
  });
}

TEST_CASE("copy_file copies what splice can, and what it cannot") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    const std::string text = some_text(2'500'003);
    make_file(here / "from", text);
    const rm::file_options writing = rm::file_options::write_only().create();
    rm::file from = co_await rm::file::open(here / "from");
    rm::file to = co_await rm::file::open(here / "to", writing);
    std::uint64_t copied = co_await rm::copy_file(from, to);
    CHECK(copied == text.size());
    CHECK(contents_of(here / "to") == text);

    const rm::file_options appending = rm::file_options::write_only().create().append();
    rm::file appended = co_await rm::file::open(here / "appended", appending);
    copied = co_await rm::copy_file(from, appended);
    CHECK(contents_of(here / "appended") == text);

    rm::file of_proc = co_await rm::file::open("/proc/self/status");
    rm::file other = co_await rm::file::open(here / "other", writing);
    copied = co_await rm::copy_file(of_proc, other);
    CHECK(copied > 100);
    support::contains(contents_of(here / "other"), "VmRSS");

    make_file(here / "empty", "");
    rm::file empty = co_await rm::file::open(here / "empty");
    rm::file nothing = co_await rm::file::open(here / "nothing", writing);
    copied = co_await rm::copy_file(empty, nothing);
    CHECK(copied == 0);

    const std::error_code code = co_await code_of(rm::copy_file(to, from));  // open the wrong way round
    CHECK(code == std::errc::bad_file_descriptor);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a copy is cancelled at any moment") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    make_file(here / "from", std::string(4'000'000, 'x'));
    rm::file from = co_await rm::file::open(here / "from");
    const rm::file_options writing = rm::file_options::write_only().create();
    rm::file to = co_await rm::file::open(here / "to", writing);
    for (int turns = 0; turns < 20; ++turns) {
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> { co_await rm::copy_file(from, to); });
        for (int i = 0; i < turns; ++i) co_await rm::yield();
        all.cancel();
      });
      CHECK(rm::ring::current().in_flight() == 0);
    }
  });
}

TEST_CASE("a target that is closed just when the kernel takes the splice up ends it, too") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    auto [reader, unused_writer] = rm::make_pipe();
    for (int i = 0; i < 2000; ++i) {
      auto [unused_reader, writer] = rm::make_pipe();
      std::error_code code;
      rm::nursery all;
      co_await all.run([&, &from = reader, &to = writer]() -> rm::task<> {
        all.start([&]() -> rm::task<> { code = co_await code_of(rm::splice(from, to, 100)); });
        co_await rm::yield();
        co_await rm::yield();
        for (volatile int spin = i % 200 * 100; spin > 0;) spin = spin - 1;
        to.close();
      });
      CHECK(code == std::errc::operation_canceled);
    }
  });
  CHECK(support::open_descriptors() == before);
}
