// Workers that die one after the other, in every way, and are replaced: nothing of them is left. Ten thousand with
// RINGMILL_LONG=1.
#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "../offload/pool_support.hpp"
#include "fault.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace of_respawn {

int die_by(int number) {
  switch (number % 4) {
    case 0:
      raise(SIGKILL);
      break;
    case 1:
      std::abort();
    case 2:
      std::_Exit(3);
    default:
      break;  // replaced all the same: it was the worker's last task
  }
  return number;
}

}  // namespace of_respawn

using namespace of_respawn;

namespace {

int entries_of(const std::string& folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<int>(std::distance(begin(entries), end(entries)));
}

/// Mappings of memory that is shared with a worker.
int shared_mappings() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("memfd:ringmill") != std::string::npos ? 1 : 0;
  return count;
}

/// What this process, and the zygote, hold. Zombies are the zygote's children too.
class holdings {
 public:
  explicit holdings(int zygote)
      : descriptors(support::open_descriptors()),
        mappings(shared_mappings()),
        shared_files(entries_of("/dev/shm")),
        zygote_descriptors(entries_of("/proc/" + std::to_string(zygote) + "/fd")) {
    std::ifstream list("/proc/" + std::to_string(zygote) + "/task/" + std::to_string(zygote) + "/children");
    children = static_cast<int>(std::distance(std::istream_iterator<int>(list), std::istream_iterator<int>()));
    std::ifstream statm("/proc/" + std::to_string(zygote) + "/statm");
    statm >> zygote_pages;
  }

  int descriptors;
  int mappings;
  int shared_files;
  int zygote_descriptors;
  int children = 0;
  long zygote_pages = 0;
};

constexpr int workers = 2;

/// All workers idle: what is there then is the same each time.
rm::task<> settle(rm::process_pool& pool) {
  for (;;) {
    int idle = 0;
    for (const rm::worker_status& one : pool.stats().workers) idle += one.state == "idle" ? 1 : 0;
    if (idle == workers) co_return;
    co_await rm::sleep_for(1ms);
  }
}

rm::task<> die(rm::process_pool& pool, int number, int& crashed, int& lived) {
  try {
    // Alone on its worker, so that each has one of its own.
    const int same = co_await pool.run<&die_by>(rm::call_options().at_most_once(), number);
    CHECK(same == number);
    ++lived;
  } catch (const rm::worker_crashed&) {
    ++crashed;
  }
}

rm::task<> respawn(int deaths) {
  rm::process_pool pool(rm::pool_options().workers(workers).quarantine(0ms).recycle_after_tasks(1));
  int crashed = 0;
  int lived = 0;
  const auto round = [&](int count) -> rm::task<> {
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      for (int i = 0; i < count; ++i) {
        all.start(&die, std::ref(pool), i, std::ref(crashed), std::ref(lived));
        if (i % 64 == 63) co_await pool.drain();
      }
    });
    co_await settle(pool);
  };
  co_await round(16);
  const int zygote = support::parent_of(pool.worker_pids().at(0));
  const holdings before(zygote);
  const fault::stopwatch time;
  co_await round(deaths);
  const double seconds = time.seconds();
  const holdings after(zygote);
  CHECK(support::parent_of(pool.worker_pids().at(0)) == zygote);
  CHECK(crashed + lived == deaths + 16);
  CHECK(lived == (deaths + 16) / 4);
  CHECK(pool.stats().started >= static_cast<std::uint64_t>(deaths));
  CHECK(support::adds_up(pool.stats()));
  CHECK(after.descriptors == before.descriptors);
  CHECK(after.mappings == before.mappings);
  CHECK(after.shared_files <= before.shared_files);  // others' may go meanwhile
  CHECK(after.zygote_descriptors == before.zygote_descriptors);
  CHECK(after.children == workers);
  CHECK(before.children == workers);
  if (!fault::is_sanitized) CHECK(after.zygote_pages - before.zygote_pages <= 64);
  fault::figure("offload respawn: %d workers in %.1f s, %.2f ms each with %d at a time; the zygote grew by %ld pages",
                deaths, seconds, seconds * 1e3 / deaths, workers, after.zygote_pages - before.zygote_pages);
}

}  // namespace

TEST_CASE("after many workers have died and were replaced there is no zombie, descriptor, mapping or file of them") {
  const int before = support::open_descriptors();
  rm::run(respawn(fault::is_long() ? 10'000 : 200));
  CHECK(support::open_descriptors() == before);
  CHECK(shared_mappings() == 0);
}
