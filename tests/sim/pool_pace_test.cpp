// How long a pool takes for its crashes and its deadlines, in virtual time: on a real machine a process may wait for a
// processor as long as the others like, and a pool that stands still for a second looks the same.
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/io/sim/search.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/offload/map.hpp>
#include <ringmill/ringmill.hpp>

#include "pool_program.hpp"
#include "seeds.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;

namespace {

int hang_at_50(int n) {
  if (n == 50) sim::compute_for(1h);
  return n;
}

/// Less than the shortest time that a pool waits for anything but its processes: 10 ms, after a shortage.
constexpr auto most_for_a_crash = 5ms;

rm::task<> crash_five_hundred_times(sim::host& machine) {
  const call_book book;
  rm::process_pool pool(rm::pool_options().workers(1).quarantine(rm::duration(0)));
  int descriptors = 0;
  for (int count = 0; count < 500; ++count) {
    bool has_crashed = false;
    try {
      co_await rm::with_timeout(most_for_a_crash, pool.run<&always_crashes>(call_book::current().next_id()));
    } catch (const rm::worker_crashed&) {
      has_crashed = true;
    }
    demand(has_crashed, "a call that crashes has given a value");
    const int id = call_book::current().next_id();
    if (count % 50 == 0) {  // the next worker is there, and nothing is left of those before it
      const int answer = co_await rm::with_timeout(most_for_a_crash, pool.run<&square>(id, 0));
      demand(answer == id * id, "a wrong value");
      if (count == 0) descriptors = machine.descriptors();
      demand(machine.descriptors() == descriptors, "a crash has left descriptors open");
    }
  }
  demand(pool.stats().crashes[11] == 500, "crashes are counted wrongly");
}

rm::task<> map_with_one_that_hangs() {
  rm::process_pool pool(rm::pool_options().workers(2));
  std::vector<int> numbers(300);
  std::iota(numbers.begin(), numbers.end(), 0);
  int right = 0;
  int late = 0;
  const auto how = rm::map_options().call(rm::call_options().run_timeout(30ms));
  co_await rm::with_timeout(1s, pool.map_each<&hang_at_50>(
                                    numbers,
                                    [&](rm::completion<int> done) {
                                      try {
                                        right += done.outcome().value() == static_cast<int>(done.index()) ? 1 : 0;
                                      } catch (const rm::deadline_exceeded&) {
                                        if (done.index() == 50) ++late;
                                      }
                                    },
                                    how));
  demand(right == 299, "a call has paid for another in its chunk");
  demand(late == 1, "the call that hangs was not found");
}

std::string slow_text(int microseconds) {
  sim::compute_for(std::chrono::microseconds(microseconds));
  return std::string(8 * 1024, 'a');
}
int quick(int microseconds) {
  sim::compute_for(std::chrono::microseconds(microseconds));
  return microseconds;
}

/// Of four workers one has a result that is read, one is killed by the reader, one has a call behind another, and one
/// is idle: it is to get what lies behind a slow call.
rm::task<> cancel_in_a_reader() {
  rm::process_pool pool(rm::pool_options().workers(4));
  for (int warm = 0; warm < 50; ++warm) co_await pool.run<&quick>(0);  // short: a worker gets several
  const auto idle = [&pool] {
    int count = 0;
    for (const rm::worker_status& worker : pool.stats().workers) count += worker.state == std::string("idle") ? 1 : 0;
    return count;
  };
  while (idle() != 4) co_await rm::sleep_for(1ms);
  rm::nursery all;
  rm::nursery victims;
  bool has_seen_an_idle_one = false;
  const auto reader = [&](std::string_view) {
    has_seen_an_idle_one = idle() == 1;
    victims.cancel();
  };
  const auto read = [&]() -> rm::task<> { co_await pool.run<&slow_text>(5000).read_in_place(reader); };
  const auto hang = [&]() -> rm::task<> { co_await pool.run<&slow_text>(2'000'000); };
  const auto compute = [&](int microseconds) -> rm::task<> { co_await pool.run<&quick>(microseconds); };
  co_await all.run([&]() -> rm::task<> {
    all.start(read);
    all.start([&]() -> rm::task<> { co_await victims.run(hang); });
    co_await rm::sleep_for(4400us);
    all.start(compute, 950);
    all.start(compute, 20);
    all.start(compute, 1);
  });
  demand(has_seen_an_idle_one, "all workers were busy when the result was read");
  demand(pool.stats().killed == 1, "not only the call that was cancelled was killed");
}

}  // namespace

TEST_CASE("each of five hundred crashes in a row takes no longer than its processes") {
  check_seeds("pool, crash after crash", 20, &no_faults, [](sim::world& world) {
    sim::simulate_workers(world);
    sim::host& machine = world.host("one");
    machine.start(&crash_five_hundred_times, std::ref(machine));
  });
}

TEST_CASE("a call that hangs is the only one of its chunk that a run_timeout ends") {
  check_seeds("pool, one call hangs", 100, &no_faults, [](sim::world& world) {
    sim::simulate_workers(world);
    world.host("one").start(&map_with_one_that_hangs);
  });
}

TEST_CASE("a reader that cancels a call while a worker is idle is back at once") {
  check_seeds("pool, a cancel in a reader", 100, &no_faults, [](sim::world& world) {
    sim::simulate_workers(world);
    world.host("one").start(&cancel_in_a_reader);
  });
}
