// What the time limits of a pool mean, to the microsecond: in virtual time, where nobody waits for a processor.
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ringmill/io/sim/search.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/offload/stream.hpp>
#include <ringmill/ringmill.hpp>

#include "pool_program.hpp"
#include "seeds.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;

namespace {

rm::time_point now() { return rm::loop::current().now(); }

/// Twenty seeds of `body(pool)` on a machine with one worker, where nothing goes wrong.
template <class Body>
void check_with_pool(const char* name, const rm::pool_options& how, Body body) {
  check_seeds(name, 20, &no_faults, [&](sim::world& world) {
    sim::simulate_workers(world);
    world.host("one").start([&]() -> rm::task<> {
      const call_book book;
      rm::process_pool pool(how);
      const int id = call_book::current().next_id();
      const int first = co_await pool.run<&square>(id, 0);  // the worker is there
      demand(first == id * id, "a wrong value");
      auto rest = body(pool);
      co_await std::move(rest);
    });
  });
}

rm::pool_options one_worker() { return rm::pool_options().workers(1); }

/// What a step of the two sides may take on top: less than a twentieth of the limits below.
constexpr rm::duration slack = 500us;

bool is_about(rm::duration measured, rm::duration expected) {
  return measured >= expected && measured < expected + slack;
}

int hang(int id) {
  const running_call call(id);
  sim::compute_for(1h);
  return id;
}

rm::offload::generator<int> count_slowly(int to) {
  for (int next = 0; next < to; ++next) {
    sim::compute_for(8ms);
    co_yield next;
  }
  sim::compute_for(1h);
}

}  // namespace

TEST_CASE("a run_timeout ends the task when it is over, and not with its worker's end") {
  check_with_pool("pool, run_timeout", one_worker(), [](rm::process_pool& pool) -> rm::task<> {
    const rm::time_point begin = now();
    bool was_running = false;
    try {
      co_await pool.run<&hang>(rm::call_options().run_timeout(10ms), call_book::current().next_id());
    } catch (const rm::deadline_exceeded& error) {
      was_running = error.was_running();
    }
    demand(was_running, "a call that hangs has ended otherwise");
    demand(is_about(now() - begin, 10ms), "a run_timeout came early or late");
  });
}

TEST_CASE("a run_timeout counts from when the task begins, however long it was queued") {
  check_with_pool("pool, run_timeout of queued tasks", one_worker(), [](rm::process_pool& pool) -> rm::task<> {
    int done = 0;
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      for (int count = 0; count < 8; ++count) {
        tasks.start([&]() -> rm::task<> {
          const int id = call_book::current().next_id();
          co_await pool.run<&square>(rm::call_options().run_timeout(11ms), id, 10'000);
          ++done;
        });
      }
      co_return;
    });
    demand(done == 8, "the time in the queue was counted");
  });
}

TEST_CASE("a queue_timeout ends a task that still waits when it is over, and it never runs") {
  check_with_pool("pool, queue_timeout", one_worker(), [](rm::process_pool& pool) -> rm::task<> {
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      const int first = call_book::current().next_id();
      const int second = call_book::current().next_id();
      const int third = call_book::current().next_id();
      tasks.start([&pool, first]() -> rm::task<> { co_await pool.run<&square>(first, 50'000); });
      co_await rm::yield();
      const rm::time_point begin = now();
      bool has_waited = false;
      try {
        co_await pool.run<&square>(rm::call_options().queue_timeout(10ms), second, 0);
      } catch (const rm::deadline_exceeded& error) {
        has_waited = !error.was_running();
      }
      demand(has_waited, "a task ran although it had waited for too long");
      demand(is_about(now() - begin, 10ms), "a queue_timeout came early or late");
      const int in_time = co_await pool.run<&square>(rm::call_options().queue_timeout(41ms), third, 0);
      demand(in_time == third * third, "a wrong value");
      demand(call_book::current().times_begun(second) == 0, "it has begun all the same");
    });
  });
}

TEST_CASE("a cancel waits for the grace at most, and a value within it counts") {
  check_with_pool("pool, grace", one_worker(), [](rm::process_pool& pool) -> rm::task<> {
    const auto how = rm::call_options().cancel_grace(20ms);
    const rm::time_point begin = now();
    const auto late = co_await rm::move_on_after(10ms, pool.run<&hang>(how, call_book::current().next_id()));
    demand(!late, "a call that hangs has given a value");
    demand(is_about(now() - begin, 30ms), "a grace was too short or too long");

    const rm::time_point again = now();
    const int id = call_book::current().next_id();
    const auto seen = co_await rm::move_on_after(10ms, pool.run<&patient>(how, id, 1000));
    demand(seen == id, "a value within the grace was lost");
    demand(now() - again < 15ms, "a function that had returned was waited for");
  });
}

TEST_CASE("progress is told while the function runs, every ten milliseconds if it says more") {
  check_with_pool("pool, progress", one_worker(), [](rm::process_pool& pool) -> rm::task<> {
    std::vector<double> seen;
    std::vector<rm::time_point> times;
    const auto how = rm::call_options().on_progress([&](double done) {
      seen.push_back(done);
      times.push_back(now());
    });
    const int id = call_book::current().next_id();
    co_await pool.run<&patient>(how, id, 100);  // says something each millisecond
    demand(seen.size() == 10, "progress was lost, or told too often");
    for (std::size_t at = 1; at < seen.size(); ++at) {
      demand(seen[at - 1] < seen[at], "progress went back");
      demand(is_about(times[at] - times[at - 1] + slack / 2, 10ms), "progress came early or late");
    }
  });
}

TEST_CASE("the run_timeout of a stream counts for each batch") {
  check_with_pool("pool, run_timeout of a stream", one_worker(), [](rm::process_pool& pool) -> rm::task<> {
    auto values = pool.run_stream<&count_slowly>(rm::call_options().run_timeout(10ms), 30);
    int seen = 0;
    bool is_late = false;
    try {
      while (const std::optional<int> value = co_await values.next()) demand(*value == seen++, "a wrong value");
    } catch (const rm::deadline_exceeded&) {
      is_late = true;
    }
    demand(is_late, "a stream that hangs has ended otherwise");
    demand(seen == 30, "the time of earlier batches was counted");
  });
}

TEST_CASE("a call that was quarantined runs again when its time is over, and not before") {
  check_with_pool("pool, quarantine", one_worker().quarantine(100ms), [](rm::process_pool& pool) -> rm::task<> {
    const int id = call_book::current().next_id();
    const auto is_refused = [&]() -> rm::task<bool> {
      try {
        co_await pool.run<&always_crashes>(id);
      } catch (const rm::worker_crashed& crash) {
        co_return crash.is_quarantined();
      }
      co_return false;
    };
    std::string how;
    for (int count = 0; count < 2; ++count) how += (co_await is_refused()) ? 'r' : 'c';
    co_await rm::sleep_for(90ms);
    how += (co_await is_refused()) ? 'r' : 'c';
    co_await rm::sleep_for(20ms);
    how += (co_await is_refused()) ? 'r' : 'c';
    demand(how == "ccrc", "a quarantine was too short or too long");
  });
}

TEST_CASE("what lies behind a slow task is taken over by a worker that is free, within two milliseconds") {
  check_with_pool("pool, taken back", rm::pool_options().workers(2), [](rm::process_pool& pool) -> rm::task<> {
    const auto call = [&pool](int microseconds) -> rm::task<> {
      const int id = call_book::current().next_id();
      co_await pool.run<&square>(id, microseconds);
    };
    for (int warm = 0; warm < 20; ++warm) co_await call(0);
    const rm::time_point begin = now();
    std::vector<rm::duration> times;
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      for (int count = 0; count < 13; ++count) {
        tasks.start([&, count]() -> rm::task<> {
          co_await call(count == 0 ? 300'000 : 0);
          times.push_back(now() - begin);
        });
      }
      co_return;
    });
    demand(times[11] < 2ms, "short tasks have waited behind a long one");
    demand(is_about(times[12], 300ms), "the long one was disturbed");
    demand(pool.stats().taken_back > 0 && pool.stats().run_again == 0, "they were given to the other worker at once");
  });
}
