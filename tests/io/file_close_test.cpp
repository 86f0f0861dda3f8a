#include <doctest/doctest.h>

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/scratch.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::bytes_of;
using support::on_each_kernel;
using support::on_each_kernel_and_simulated;
using support::scratch;

namespace {

const rm::file_options written = rm::file_options::write_only().create();
const rm::file_options read_and_written = rm::file_options::read_write().create();

/// A file whose reads wait: a FIFO without bytes, whose other end is open here too.
rm::task<rm::file> open_waiting_file(const scratch& where) {
  const std::string path = where / "fifo";
  if (::mkfifo(path.c_str(), 0600) < 0 && errno != EEXIST)
    throw std::system_error(errno, std::generic_category(), path);
  rm::file opened = co_await rm::file::open(path, rm::file_options::read_write());
  co_return opened;
}

}  // namespace

TEST_CASE("close gives the descriptor back, and closing again does nothing") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    rm::file out = co_await rm::file::open(here / "file", written);
    const int before = support::open_descriptors();
    co_await out.close();
    CHECK(!out);
    CHECK(support::open_descriptors() == before - 1);
    co_await out.close();
    CHECK(support::open_descriptors() == before - 1);
  });
}

TEST_CASE("close ends a read of another task, which gets an error") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    rm::file waiting = co_await open_waiting_file(here);
    std::error_code code;
    const auto read = [&]() -> rm::task<> {
      std::array<std::byte, 4> buffer{};
      try {
        co_await waiting.read_some(buffer);
      } catch (const std::system_error& error) {
        code = error.code();
      }
    };
    rm::nursery readers;
    co_await readers.run([&]() -> rm::task<> {
      readers.start(read);
      co_await rm::sleep_for(1ms);
      CHECK(rm::ring::current().in_flight() == 1);
      co_await waiting.close();
    });
    CHECK(code == std::errc::operation_canceled);
  });
}

TEST_CASE("a close that is cancelled closes all the same, before its start excepted") {
  const int before = support::open_descriptors();
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    for (int turns = 0; turns < 4; ++turns) {
      rm::file out = co_await rm::file::open(here.path() + "/file", written);
      rm::nursery closers;
      co_await closers.run([&]() -> rm::task<> {
        closers.start([&]() -> rm::task<> { co_await out.close(); });
        for (int i = 0; i < turns; ++i) co_await rm::yield();
        closers.cancel();
      });
      CHECK(static_cast<bool>(out) == (turns == 0));
      CHECK(rm::ring::current().in_flight() == 0);
    }
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a close on a full ring that is cancelled before the kernel sees it closes") {
  const int before = support::open_descriptors();
  const auto body = []() -> rm::task<> {
    const scratch here;
    rm::file waiting = co_await open_waiting_file(here);
    const auto read = [](rm::file& from) -> rm::task<> {
      std::array<std::byte, 1> buffer{};
      co_await from.read_some(buffer);
    };
    rm::file out = co_await rm::file::open(here / "file", written);
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      for (int i = 0; i < 20; ++i) all.start(read, std::ref(waiting));
      all.start([&]() -> rm::task<> { co_await out.close(); });
      co_await rm::yield();
      all.cancel();
    });
    CHECK(!out);
  };
  on_each_kernel(body, rm::ring_options().entries(4).completion_entries(8));
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a read that waits is cancelled, and its file is as before") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    rm::file waiting = co_await open_waiting_file(here);
    std::string text(8, '\0');
    CHECK_THROWS_AS(co_await rm::with_timeout(2ms, waiting.read_some(bytes_of(text))), rm::timeout_error);
    const std::array<std::span<std::byte>, 1> buffers{bytes_of(text)};
    CHECK_THROWS_AS(co_await rm::with_timeout(2ms, waiting.read_vectored(buffers)), rm::timeout_error);
    CHECK(rm::ring::current().in_flight() == 0);
    co_await waiting.write_all("later");
    const std::size_t got = co_await rm::with_timeout(5s, waiting.read_some(bytes_of(text)));
    CHECK(text.substr(0, got) == "later");
  });
}

TEST_CASE("each operation may be cancelled before its start, when it was handed over, and after its end") {
  const int before = support::open_descriptors();
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const rm::temporary_directory here = co_await rm::temporary_directory::create();
    const std::string path = here.path() + "/file";
    std::string data(100000, 'x');
    const std::array<std::span<std::byte>, 1> buffers{bytes_of(data)};
    const std::array<std::span<const std::byte>, 1> parts{bytes_of(data)};
    rm::file both = co_await rm::file::open(path, read_and_written);
    std::vector<std::function<rm::task<>()>> operations;
    operations.push_back([&]() -> rm::task<> { co_await rm::file::open(path); });
    operations.push_back([&]() -> rm::task<> { co_await both.write_all(data); });
    operations.push_back([&]() -> rm::task<> { co_await both.write_all_vectored(parts); });
    operations.push_back([&]() -> rm::task<> { co_await both.read_at(bytes_of(data), 0); });
    operations.push_back([&]() -> rm::task<> { co_await both.read_vectored_at(buffers, 0); });
    operations.push_back([&]() -> rm::task<> { co_await both.sync(); });
    operations.push_back([&]() -> rm::task<> { co_await both.sync_data(); });
    operations.push_back([&]() -> rm::task<> { co_await both.status(); });
    operations.push_back([&]() -> rm::task<> { co_await both.truncate(10); });
    operations.push_back([&]() -> rm::task<> { co_await both.preallocate(0, 1000); });
    operations.push_back([&]() -> rm::task<> { co_await rm::read_file(path); });
    operations.push_back([&]() -> rm::task<> { co_await rm::write_file_atomically(path, "text"); });
    for (const auto& operation : operations) {
      for (int turns = 0; turns < 12; ++turns) {
        rm::nursery all;
        co_await all.run([&]() -> rm::task<> {
          all.start(operation);
          for (int i = 0; i < turns; ++i) co_await rm::yield();
          all.cancel();
        });
        CHECK(rm::ring::current().in_flight() == 0);
      }
    }
    const std::vector<rm::directory_entry> left = co_await rm::list_directory(here.path());
    for (const rm::directory_entry& each : left) CHECK(here.path() + "/" + each.name() == path);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a file whose handle dies while it is read is closed, and the reader told") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    std::optional<rm::file> waiting(co_await open_waiting_file(here));
    std::error_code code;
    rm::nursery readers;
    co_await readers.run([&]() -> rm::task<> {
      readers.start([&]() -> rm::task<> {
        std::array<std::byte, 4> buffer{};
        const std::array<std::span<std::byte>, 1> buffers{buffer};
        try {
          co_await waiting->read_vectored(buffers);
        } catch (const std::system_error& error) {
          code = error.code();
        }
      });
      co_await rm::sleep_for(1ms);
      waiting.reset();
    });
    CHECK(code == std::errc::operation_canceled);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("an open that waits, for the reader of a FIFO, is cancelled") {
  on_each_kernel([]() -> rm::task<> {
    const scratch here;
    const std::string path = here / "fifo";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    const std::optional<rm::file> opened = co_await rm::move_on_after(10ms, rm::file::open(path, written));
    CHECK(!opened);
  });
}
