// What pool_options and call_options promise.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pool_support.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_pool_kernel;

namespace of_options {

int pid() { return getpid(); }
int doubled(int n) { return 2 * n; }
std::size_t length(std::string_view text) { return text.size(); }
void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

int prepared = 0;
void prepare() { prepared = 42; }
int what_was_prepared() { return prepared; }
void fail_to_prepare() { throw std::runtime_error("no tables here"); }

std::vector<char> hoard;
int hoard_memory(int mib) {
  hoard.resize(hoard.size() + (static_cast<std::size_t>(mib) << 20), 1);
  return getpid();
}
void say(std::string_view text) { [[maybe_unused]] const auto n = write(STDERR_FILENO, text.data(), text.size()); }
std::string process_name() {
  std::ifstream file("/proc/self/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

namespace {

/// Fills the only worker, for as long as the test likes to wait.
rm::task<> occupy(rm::process_pool& pool, int ms) { co_await pool.run<&sleep_ms>(ms); }

rm::pool_options one_worker() { return rm::pool_options().workers(1); }

}  // namespace

TEST_CASE("a task that waits longer than its queue_timeout never runs") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      tasks.start(occupy, std::ref(pool), 3'600'000);
      co_await rm::yield();
      bool failed = false;
      try {
        co_await pool.run<&doubled>(rm::call_options().queue_timeout(2ms), 1);
      } catch (const rm::deadline_exceeded& error) {
        failed = !error.was_running();
      }
      CHECK(failed);
      tasks.cancel();
    });
    const int in_time = co_await pool.run<&doubled>(rm::call_options().queue_timeout(60s), 4);
    CHECK(in_time == 8);
    CHECK(pool.stats()[rm::task_outcome::deadline] == 1);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("a higher priority goes first, and first in first out within one") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    std::vector<int> order;
    const auto call = [](rm::process_pool& in, rm::task_priority level, int number,
                         std::vector<int>& to) -> rm::task<> {
      co_await in.run<&doubled>(rm::call_options().priority(level).at_most_once(), number);
      to.push_back(number);
    };
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      tasks.start(occupy, std::ref(pool), 10);
      co_await rm::yield();
      using enum rm::task_priority;
      const rm::task_priority levels[] = {low, normal, high, low, normal, high};
      for (int i = 0; i < 6; ++i) tasks.start(call, std::ref(pool), levels[i], i, std::ref(order));
    });
    CHECK(order == std::vector<int>{2, 5, 1, 4, 0, 3});
  });
}

TEST_CASE("try_run says queue_full by number and by bytes, where run waits") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().queue_limit(2).queue_bytes(100'000));
    co_await pool.run<&pid>();
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      const auto waiting = [](rm::process_pool& in) -> rm::task<> { co_await in.run<&doubled>(1); };
      tasks.start(occupy, std::ref(pool), 20);
      co_await rm::yield();
      const std::string big(200'000, 'x');
      CHECK_THROWS_AS(co_await pool.try_run<&length>(big), rm::queue_full);
      for (int i = 0; i < 5; ++i) tasks.start(waiting, std::ref(pool));
      co_await rm::yield();
      CHECK(pool.stats().queued == 5);
      CHECK_THROWS_AS(co_await pool.try_run<&doubled>(1), rm::queue_full);
    });
    const int later = co_await pool.try_run<&doubled>(3);
    CHECK(later == 6);
    CHECK(pool.stats()[rm::task_outcome::queue_full] == 2);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("the initializer runs in each worker before its first task") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().initializer<&prepare>());
    const int seen = co_await pool.run<&what_was_prepared>();
    CHECK(seen == 42);
    CHECK(prepared == 0);
  });
}

TEST_CASE("an initializer that fails ends the pool after ten attempts, with what it says on standard error") {
  on_each_pool_kernel([]() -> rm::task<> {
    std::string said;
    rm::process_pool pool(
        one_worker().initializer<&fail_to_prepare>().on_stderr([&](pid_t, std::string_view text) { said += text; }));
    CHECK_THROWS_AS(co_await pool.run<&doubled>(1), rm::pool_unavailable);
    CHECK_THROWS_AS(co_await pool.run<&doubled>(1), rm::pool_unavailable);
    CHECK(pool.stats().started == 10);
    CHECK(said.find("no tables here") != std::string::npos);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("a worker is replaced after so many tasks, and no task notices") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().recycle_after_tasks(10));
    std::set<int> pids;
    for (int i = 0; i < 100; ++i) pids.insert(co_await pool.run<&pid>());
    CHECK(pids.size() >= 10);
    CHECK(pids.size() <= 12);
    CHECK(pool.stats().recycled >= 10);
    CHECK(pool.stats()[rm::task_outcome::value] == 100);
    CHECK(pool.stats().run_again == 0);
  });
}

TEST_CASE("a worker that has grown too large, or too old, is replaced") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool large(one_worker().recycle_above_memory(256 << 20));
    const int before = co_await large.run<&hoard_memory>(300);
    co_await rm::sleep_for(110ms);
    co_await large.run<&pid>();  // after it, if not before
    const int after = co_await large.run<&pid>();
    CHECK(after != before);

    rm::process_pool old(one_worker().recycle_after(20ms));
    const int first = co_await old.run<&pid>();
    co_await rm::sleep_for(25ms);
    co_await old.run<&pid>();
    const int second = co_await old.run<&pid>();
    CHECK(first != second);
  });
}

TEST_CASE("a spare takes over while the dead worker is replaced, and no more than `workers` run at once") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().warm_spares(1));
    const std::vector<int> pids = co_await support::all_workers(pool, 2);
    co_await pool.run<&doubled>(1);
    int survivor = 0;
    const auto ask = [](rm::process_pool& in, int& who) -> rm::task<> { who = co_await in.run<&pid>(); };
    rm::nursery waiting;
    co_await waiting.run([&]() -> rm::task<> {
      rm::nursery occupying;
      co_await occupying.run([&]() -> rm::task<> {
        occupying.start(occupy, std::ref(pool), 3'600'000);
        co_await rm::sleep_for(5ms);
        waiting.start(ask, std::ref(pool), std::ref(survivor));
        co_await rm::sleep_for(1ms);
        CHECK(pool.stats().running == 1);
        CHECK(pool.stats().queued == 1);
        occupying.cancel();  // kills its worker: what waits goes to the spare before there can be another
      });
    });
    CHECK(std::find(pids.begin(), pids.end(), survivor) != pids.end());
  });
}

TEST_CASE("what workers write to standard error comes to the sink with their pid") {
  on_each_pool_kernel([]() -> rm::task<> {
    std::string said;
    int who = 0;
    rm::process_pool pool(one_worker().on_stderr([&](pid_t worker, std::string_view text) {
      who = worker;
      said += text;
    }));
    const int worker = co_await pool.run<&pid>();
    const std::string large(200'000, 'x');  // more than a pipe holds
    co_await pool.run<&say>(large);
    while (said.size() < large.size()) co_await rm::sleep_for(1ms);
    CHECK(said == large);
    CHECK(who == worker);
  });
}

TEST_CASE("workers look for their next call before they sleep where there is more than one processor") {
  cpu_set_t usable;
  REQUIRE(sched_getaffinity(0, sizeof usable, &usable) == 0);
  const auto processors = static_cast<std::size_t>(CPU_COUNT(&usable));
  CHECK(rm::pool_options().workers() == processors);
  CHECK(rm::pool_options().spin() == (processors > 1 ? rm::duration(20us) : rm::duration::zero()));
  CHECK(rm::pool_options().workers(2 * processors).spin() == rm::pool_options().spin());
  CHECK(rm::pool_options().spin(3us).spin() == 3us);
  CHECK(rm::pool_options().spin(0us).spin() == rm::duration::zero());

  cpu_set_t one;
  CPU_ZERO(&one);
  for (int processor = 0; CPU_COUNT(&one) == 0; ++processor) {
    if (CPU_ISSET(processor, &usable)) CPU_SET(processor, &one);
  }
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  const rm::duration on_one = rm::pool_options().spin();
  REQUIRE(sched_setaffinity(0, sizeof usable, &usable) == 0);
  CHECK(on_one == rm::duration::zero());
}

TEST_CASE("a worker that looks before it sleeps gets each call: one that comes meanwhile, and one that comes later") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1).spin(500us));
    for (int n = 0; n < 200; ++n) {
      if (n % 20 == 0) co_await rm::sleep_for(2ms);
      const int twice = co_await pool.run<&doubled>(n);
      CHECK(twice == 2 * n);
    }
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("a worker shows the pool's name") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().name("thumbnails"));
    const std::string name = co_await pool.run<&process_name>();
    CHECK(name == "thumbnails");
  });
}

TEST_CASE("a pool that is shut down ends what waits and runs, in time or by force") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    co_await pool.run<&doubled>(1);  // the worker is up
    int finished = 0;
    int cut_off = 0;
    const auto call = [](rm::process_pool& in, int ms, int& well, int& badly) -> rm::task<> {
      try {
        co_await in.run<&sleep_ms>(ms);
        ++well;
      } catch (const rm::pool_unavailable&) {
        ++badly;
      }
    };
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      tasks.start(call, std::ref(pool), 5, std::ref(finished), std::ref(cut_off));
      tasks.start(call, std::ref(pool), 10'000, std::ref(finished), std::ref(cut_off));
      tasks.start(call, std::ref(pool), 10'000, std::ref(finished), std::ref(cut_off));
      co_await rm::yield();
      co_await pool.shutdown(1s);
      CHECK_THROWS_AS(co_await pool.run<&doubled>(1), rm::pool_unavailable);
    });
    CHECK(finished == 1);
    CHECK(cut_off == 2);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("drain comes back when nothing is left to do") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    co_await pool.drain();
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      for (int i = 0; i < 3; ++i) tasks.start(occupy, std::ref(pool), 2);
      co_await rm::yield();
      co_await pool.drain();
      CHECK(pool.stats()[rm::task_outcome::value] == 3);
    });
  });
}

TEST_CASE("statistics say what is there, and how long it took") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().name("numbers"));
    for (int i = 0; i < 10; ++i) co_await pool.run<&sleep_ms>(2);
    const rm::pool_statistics stats = pool.stats();
    CHECK(stats.queue_time.count() == 10);
    CHECK(stats.run_time.count() == 10);
    CHECK(stats.run_time.quantile(0.5) >= 2ms);
    CHECK(stats.bytes_in == 40);
    REQUIRE(stats.workers.size() == 1);
    CHECK(stats.workers[0].state == "idle");
    CHECK(stats.workers[0].tasks == 10);
    CHECK(stats.text().find("10 values") != std::string::npos);
  });
}

TEST_CASE("a histogram's quantiles are at most a quarter too large") {
  rm::latency_histogram histogram;
  CHECK(histogram.quantile(0.5) == 0ns);
  for (int us = 1; us <= 1000; ++us) histogram.record(std::chrono::microseconds(us));
  CHECK(histogram.quantile(0.5) >= 500us);
  CHECK(histogram.quantile(0.5) <= 625us);
  CHECK(histogram.quantile(1) >= 1000us);
  CHECK(histogram.quantile(1) <= 1250us);
  CHECK(histogram.quantile(0) == histogram.quantile(0.001));
}

}  // namespace of_options
