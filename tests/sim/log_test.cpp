// A small write-ahead log on a machine that crashes at any moment. What it has acknowledged is there ever after; and a
// log that leaves out one of its syncs is found out.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include <ringmill/io/sim/search.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;

namespace {

/// What a log may leave out.
enum class flaw { none, no_file_sync, no_directory_sync };

/// How many entries there have been, and their sum.
class record {
 public:
  static constexpr std::size_t size = 24;

  record() noexcept : record(0, 0) {}
  record(std::uint64_t number, std::uint64_t total) noexcept
      : words_{number, total, sim::detail::mix(number ^ sim::detail::mix(total))} {}

  std::uint64_t number() const noexcept { return words_[0]; }
  std::uint64_t total() const noexcept { return words_[1]; }
  record next() const noexcept { return record(number() + 1, total() + 7 * number()); }
  std::span<const std::byte> bytes() const noexcept { return std::as_bytes(std::span(words_)); }

  /// The last one of a log. A torn one at its end was not acknowledged.
  static record last_in(const std::string& text) {
    record last;
    for (std::size_t at = 0; at + size <= text.size(); at += size) {
      record read;
      std::memcpy(read.words_.data(), text.data() + at, size);
      if (read.words_ != record(read.number(), read.total()).words_) break;
      if (at > 0 && read.words_ != last.next().words_) throw std::logic_error("an entry is missing");
      last = read;
    }
    return last;
  }

 private:
  std::array<std::uint64_t, 3> words_;
};

/// "/log" begins with a record of all that was before. It is written anew at times: beside the old one, whose name it
/// takes when it is on the disk.
class small_log {
 public:
  explicit small_log(flaw left_out) noexcept : flaw_(left_out) {}

  rm::task<> open() {
    std::string text;
    try {
      text = co_await rm::read_file("/log");
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::no_such_file_or_directory) throw;
    }
    last_ = record::last_in(text);
    co_await rewrite();
  }

  /// When it has come back, the entry stays.
  rm::task<> append() {
    constexpr std::uint64_t most = 8;
    const record next = last_.next();
    co_await file_.write_all(next.bytes());
    if (flaw_ != flaw::no_file_sync) co_await file_.sync_data();
    last_ = next;
    if (next.number() % most == 0) co_await rewrite();
  }

  std::uint64_t number() const noexcept { return last_.number(); }

 private:
  rm::task<> rewrite() {
    const rm::file_options anew = rm::file_options::write_only().create().truncate();
    rm::file next = co_await rm::file::open("/log.new", anew);
    co_await next.write_all(last_.bytes());
    if (flaw_ != flaw::no_file_sync) co_await next.sync();
    co_await rm::rename("/log.new", "/log");
    if (flaw_ != flaw::no_directory_sync) co_await rm::sync_directory("/");
    file_ = std::move(next);
  }

  flaw flaw_;
  rm::file file_;
  record last_;
};

/// Of a disk that fails nothing is believed: it is read again from the beginning.
rm::task<> serve(flaw left_out, std::shared_ptr<std::uint64_t> acknowledged) {
  for (;;) {
    small_log log(left_out);
    try {
      co_await log.open();
      if (log.number() < *acknowledged) throw std::logic_error("what was acknowledged is lost");
      for (;;) {
        co_await log.append();
        *acknowledged = log.number();
      }
    } catch (const std::system_error&) {
    }
    co_await rm::sleep_for(1ms);
  }
}

void crash_again_and_again(sim::world& world, flaw left_out) {
  world.host("operator").start([&world, left_out]() -> rm::task<> {
    constexpr int crashes = 20;
    constexpr std::uint64_t enough = 100;
    sim::host& store = world.host("store");
    const auto acknowledged = std::make_shared<std::uint64_t>(0);
    for (int count = 0; count < crashes; ++count) {
      store.start_background(serve, left_out, acknowledged);
      do {  // what the last crash has cut off may take its time to end
        co_await rm::sleep_for(std::chrono::microseconds(world.random().below(50'000)));
      } while (!store.is_up());
      store.crash();
    }
    store.start_background(serve, left_out, acknowledged);
    while (*acknowledged < enough) co_await rm::sleep_for(10ms);
  });
}

sim::options crashing(std::uint64_t seed) { return sim::options::swarm(seed).faults_until(20s).time_limit(30min); }

sim::sweep_report sweep(std::uint64_t seeds, flaw left_out) {
  return sim::sweep(1, seeds, crashing, [left_out](sim::world& world) { crash_again_and_again(world, left_out); });
}

void is_found(flaw left_out) {
  constexpr std::uint64_t seeds = 100;
  const sim::sweep_report found = sweep(seeds, left_out);
  REQUIRE_FALSE(found.has_passed());
  MESSAGE("found by seed " << *found.failed_seed);
  CHECK(found.text.find("is lost") != std::string::npos);
}

}  // namespace

TEST_CASE("a log with all its syncs loses nothing that it has acknowledged, whenever its machine crashes") {
  const sim::sweep_report found = sweep(300, flaw::none);
  INFO(found.text);
  CHECK(found.has_passed());
}

TEST_CASE("a log without fsync is found out") { is_found(flaw::no_file_sync); }

TEST_CASE("a log that does not sync the directory after a rename is found out") { is_found(flaw::no_directory_sync); }
