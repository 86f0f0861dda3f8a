#include <doctest/doctest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>
#include <ringmill/runtime/inspect.hpp>

#include "pool_support.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::all_workers;
using support::gone_within;
using support::is_alive;
using support::on_each_pool_kernel;

namespace work {

int square(int n) { return n * n; }
std::string repeat(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}
std::vector<int> sorted(std::vector<int> values) {
  std::sort(values.begin(), values.end());
  return values;
}
std::size_t length(const std::string& text) { return text.size(); }
void nothing() {}
void crash() { std::abort(); }
void leave(int code) { std::_Exit(code); }
void throw_out_of_range() { throw std::out_of_range("far out"); }
class own_error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};
void throw_own() { throw own_error("mine"); }
void throw_int() { throw 5; }
void hang() {
  rm::offload::report_progress(0.5);
  for (;;) std::this_thread::sleep_for(1s);
}
int own_pid() { return getpid(); }
std::string too_long() { return std::string(1 << 20, 'x'); }

}  // namespace work

namespace {

rm::pool_options two_workers() { return rm::pool_options().workers(2).input_capacity(8 << 20); }

}  // namespace

TEST_CASE("a pool gives values, strings, vectors and nothing") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    const int squared = co_await pool.run<&work::square>(12);
    CHECK(squared == 144);
    const std::string text = co_await pool.run<&work::repeat>("ab", 3);
    CHECK(text == "ababab");
    std::vector<int> values = {3, 1, 2};
    const std::vector<int> in_order = co_await pool.run<&work::sorted>(values);
    CHECK(in_order == std::vector<int>{1, 2, 3});
    co_await pool.run<&work::nothing>();
    CHECK(pool.stats()[rm::task_outcome::value] == 4);
  });
}

TEST_CASE("a function runs in another process") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    const int pid = co_await pool.run<&work::own_pid>();
    CHECK(pid != getpid());
    const std::vector<int> pids = pool.worker_pids();
    CHECK(std::find(pids.begin(), pids.end(), pid) != pids.end());
  });
}

TEST_CASE("four MiB cross, and what is larger than the arena is refused either way") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    const std::string big(4 << 20, 'x');
    const std::size_t size = co_await pool.run<&work::length>(big);
    CHECK(size == big.size());
    const std::string too_big(9 << 20, 'x');
    CHECK_THROWS_AS(co_await pool.run<&work::length>(too_big), rm::payload_too_large);
    rm::process_pool small(rm::pool_options().workers(1).output_capacity(4096));
    CHECK_THROWS_AS(co_await small.run<&work::too_long>(), rm::payload_too_large);
    const int squared = co_await small.run<&work::square>(3);
    CHECK(squared == 9);
  });
}

TEST_CASE("exceptions come back: standard ones as themselves, others by name and message") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    CHECK_THROWS_WITH_AS(co_await pool.run<&work::throw_out_of_range>(), "far out", std::out_of_range);
    try {
      co_await pool.run<&work::throw_own>();
      FAIL("nothing was thrown");
    } catch (const rm::remote_error& error) {
      CHECK(error.type() == "work::own_error");
      CHECK(std::string(error.what()) == "mine");
    }
    CHECK_THROWS_AS(co_await pool.run<&work::throw_int>(), rm::remote_error);
  });
}

TEST_CASE("a worker that dies fails only the task that it ran, and is replaced") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    const auto crashing = [](rm::process_pool& in, int& crashes) -> rm::task<> {
      try {
        co_await in.run<&work::crash>();
      } catch (const rm::worker_crashed& error) {
        if (error.signal() == SIGABRT) ++crashes;
      }
    };
    const auto innocent = [](rm::process_pool& in, int n, int& right) -> rm::task<> {
      const int squared = co_await in.run<&work::square>(n);
      if (squared == n * n) ++right;
    };
    int crashes = 0;
    int right = 0;
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      for (int i = 0; i < 100; ++i) {
        if (i % 10 == 0) tasks.start(crashing, std::ref(pool), std::ref(crashes));
        tasks.start(innocent, std::ref(pool), i, std::ref(right));
      }
      co_return;
    });
    CHECK(crashes == 10);
    CHECK(right == 100);
    CHECK(pool.stats()[rm::task_outcome::worker_crashed] == 10);
  });
}

TEST_CASE("a worker that exits, or is killed from outside, is a crash that says how") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1));
    try {
      co_await pool.run<&work::leave>(7);
      FAIL("nothing was thrown");
    } catch (const rm::worker_crashed& error) {
      CHECK(error.exit_status() == 7);
      CHECK(error.signal() == 0);
    }
    const int pid = co_await pool.run<&work::own_pid>();
    rm::nursery both;
    rm::event begun;
    co_await both.run([&]() -> rm::task<> {
      both.start([&]() -> rm::task<> {
        try {
          const auto how = rm::call_options().on_progress([&begun](double) { begun.set(); });
          co_await pool.run<&work::hang>(how);
          FAIL("nothing was thrown");
        } catch (const rm::worker_crashed& error) {
          CHECK(error.signal() == SIGKILL);
          CHECK(error.pid() == pid);
        }
      });
      co_await begun.wait();  // else it is nobody's fault, and runs again
      kill(pid, SIGKILL);
    });
    const int squared = co_await pool.run<&work::square>(4);
    CHECK(squared == 16);
  });
}

TEST_CASE("a task that takes too long is killed with its worker, and the pool goes on") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1));
    const int before = co_await pool.run<&work::own_pid>();
    CHECK_THROWS_AS(co_await rm::with_timeout(10ms, pool.run<&work::hang>()), rm::timeout_error);
    CHECK_FALSE(is_alive(before));
    const int squared = co_await pool.run<&work::square>(5);
    CHECK(squared == 25);
    CHECK(pool.stats().killed == 1);
  });
}

TEST_CASE("a task that is cancelled in the queue never runs") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1));
    const int pid = co_await pool.run<&work::own_pid>();
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      tasks.start([&]() -> rm::task<> { co_await pool.run<&work::hang>(); });
      co_await rm::sleep_for(2ms);
      CHECK_THROWS_AS(co_await rm::with_timeout(2ms, pool.run<&work::crash>()), rm::timeout_error);
      CHECK(is_alive(pid));
      CHECK(pool.stats()[rm::task_outcome::worker_crashed] == 0);
      tasks.cancel();
    });
    CHECK_FALSE(is_alive(pid));
  });
}

TEST_CASE("a pool leaves no process and no descriptor behind") {
  const int before = support::open_descriptors();
  std::vector<int> pids;
  on_each_pool_kernel([&]() -> rm::task<> {
    for (int i = 0; i < 5; ++i) {
      rm::process_pool pool(two_workers());
      co_await pool.run<&work::nothing>();
      const std::vector<int> workers = co_await all_workers(pool, 2);
      pids.insert(pids.end(), workers.begin(), workers.end());
    }
  });
  CHECK(pids.size() % 10 == 0);
  CHECK(gone_within(0ms, pids));
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("the death of the zygote is noticed and healed") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(2));
    const int worker = co_await pool.run<&work::own_pid>();
    const int zygote = support::parent_of(worker);
    REQUIRE(zygote > 1);
    REQUIRE(zygote != getpid());
    kill(zygote, SIGKILL);
    co_await rm::sleep_for(20ms);
    const int squared = co_await pool.run<&work::square>(6);
    CHECK(squared == 36);
    CHECK(gone_within(20s, {worker}));
  });
}

TEST_CASE("when the host is killed its workers end, too") {
  for (int round = 0; round < 5; ++round) {
    int report[2];
    REQUIRE(pipe(report) == 0);
    const pid_t host = fork();
    if (host == 0) {
      const auto body = [&]() -> rm::task<> {
        rm::process_pool pool(two_workers());
        co_await pool.run<&work::nothing>();
        const std::vector<int> pids = co_await all_workers(pool, 2);
        (void)!write(report[1], pids.data(), pids.size() * sizeof(int));
        co_await pool.run<&work::hang>();
      };
      rm::run(body());
      _exit(0);
    }
    std::vector<int> pids(2);
    REQUIRE(read(report[0], pids.data(), pids.size() * sizeof(int)) == 2 * sizeof(int));
    kill(host, SIGKILL);
    waitpid(host, nullptr, 0);
    CHECK(gone_within(20s, pids));
    close(report[0]);
    close(report[1]);
  }
}

TEST_CASE("the loop goes on while workers are busy") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    int ticks = 0;
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      tasks.start([&]() -> rm::task<> { co_await pool.run<&work::hang>(); });
      for (; ticks < 20; ++ticks) co_await rm::sleep_for(1ms);
      tasks.cancel();
    });
    CHECK(ticks == 20);
  });
}

TEST_CASE("the task tree names the worker that a call waits for") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1));
    const int worker = co_await pool.run<&work::own_pid>();
    std::string tree;
    rm::nursery calls;
    co_await calls.run([&]() -> rm::task<> {
      calls.start([&]() -> rm::task<> { co_await pool.run<&work::hang>(); });
      calls.start([&]() -> rm::task<> { co_await pool.run<&work::hang>(); });
      co_await rm::sleep_for(10ms);
      tree = rm::dump_tasks();
      calls.cancel();
    });
    CHECK(tree.find(": a worker, pid " + std::to_string(worker)) != std::string::npos);
    CHECK(tree.find(": a worker that is free (1 of 1 workers run 1 tasks, 1 wait)") != std::string::npos);
  });
}
