#include <doctest/doctest.h>

#include <array>
#include <string>
#include <system_error>

#include <ringmill/io/sim/kernel.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;
namespace sim = ringmill::sim;

namespace {

/// Writes a text and reads it again; the error that came of it, if any.
rm::task<std::error_code> write_and_read(std::string text) {
  try {
    rm::file both = co_await rm::file::open("/tmp/file", rm::file_options::read_write().create());
    co_await both.write_all(text);
    co_await both.sync();
    const std::string got = co_await rm::read_file("/tmp/file");
    CHECK(got == text);
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

std::error_code outcome(const sim::options& how, std::size_t size) {
  std::error_code code;
  const auto body = [&]() -> rm::task<> { code = co_await write_and_read(std::string(size, 'x')); };
  rm::run_on(sim::make_kernel(1, how), body());
  return code;
}

}  // namespace

TEST_CASE("a simulated disk with a size is full at some time") {
  const auto how = sim::options().disk_capacity(8192);
  CHECK(!outcome(how, 8192));
  CHECK(outcome(how, 8193) == std::errc::no_space_on_device);
}

TEST_CASE("a simulated disk fails when it is asked to") {
  CHECK(outcome(sim::options().fault(sim::fault::disk_error, 1000), 10) == std::errc::io_error);
  CHECK(outcome(sim::options().fault(sim::fault::disk_full, 1000), 10) == std::errc::no_space_on_device);
}

TEST_CASE("short reads and writes of files are carried on") {
  const auto how = sim::options().fault(sim::fault::short_disk_read, 500).fault(sim::fault::short_disk_write, 500);
  CHECK(!outcome(how, 100'000));
}

TEST_CASE("what a host has synced is there after a crash, and the same seed gives the same run") {
  const auto run = [] {
    const auto program = [](sim::world& world) {
      sim::host& store = world.host("store");
      world.host("operator").start([&store]() -> rm::task<> {
        store.start_background([]() -> rm::task<> { co_await rm::write_file_atomically("/tmp/file", "text"); });
        co_await rm::sleep_for(std::chrono::seconds(1));
        store.crash();
        store.start([]() -> rm::task<> {
          const std::string got = co_await rm::read_file("/tmp/file");
          CHECK(got == "text");
        });
      });
    };
    return sim::run(7, sim::options(), program).hash;
  };
  CHECK(run() == run());
}

TEST_CASE("a watch whose queue is full says so once, and goes on when it was read") {
  const auto body = []() -> rm::task<> {
    constexpr std::size_t most = 16'384;
    auto watch = rm::file_watch::create();
    watch.add("/tmp", rm::file_change::created | rm::file_change::removed);
    for (std::size_t count = 0; count < most / 2 + 10; ++count) {
      co_await rm::create_symlink("nothing", "/tmp/link");
      co_await rm::remove_file("/tmp/link");
    }
    std::size_t events = 0;
    for (;; ++events) {
      const rm::file_event event = co_await watch.next();
      if (event.has(rm::file_change::overflow)) break;
    }
    CHECK(events == most);
    co_await rm::create_directory("/tmp/later");
    const rm::file_event event = co_await watch.next();
    CHECK(event.full_path() == "/tmp/later");
    CHECK(event.is_directory());
  };
  rm::run_on(sim::make_kernel(1), body());
}

TEST_CASE("events of a watch are lost when the seed says so, until it was read") {
  const auto body = []() -> rm::task<> {
    auto watch = rm::file_watch::create();
    watch.add("/tmp", rm::file_change::created);
    for (int round = 0; round < 3; ++round) {
      for (int count = 0; count < 3; ++count) {
        co_await rm::create_directory("/tmp/" + std::to_string(round) + std::to_string(count));
      }
      const rm::file_event event = co_await watch.next();
      CHECK(event.changes() == rm::file_change::overflow);
    }
    const auto none = co_await rm::move_on_after(std::chrono::seconds(1), watch.next());
    CHECK_FALSE(none);
  };
  rm::run_on(sim::make_kernel(1, sim::options().fault(sim::fault::watch_overflow, 1000)), body());
}
