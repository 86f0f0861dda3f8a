// A running task that is out of time or not wanted any more; progress. How exact all this is: tests/sim/pool_time_test.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ringmill/offload/channel_layout.hpp>

#include "../support/scratch.hpp"
#include "pool_support.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_pool_kernel;

namespace of_cancel {

int pid() { return getpid(); }
void hang() {
  for (;;) std::this_thread::sleep_for(1s);
}
/// Gives how often it looked.
int until_cancelled() {
  rm::offload::report_progress(0.5);
  int looks = 0;
  while (!rm::offload::cancelled()) {
    ++looks;
    std::this_thread::sleep_for(1ms);
  }
  return looks;
}
void stop_when_cancelled() {
  for (;;) {
    rm::offload::stop_if_cancelled();
    std::this_thread::sleep_for(1ms);
  }
}
void in_steps(int count) {
  for (int i = 1; i <= count; ++i) {
    std::this_thread::sleep_for(3ms);
    rm::offload::report_progress(static_cast<double>(i) / count);
  }
}

/// A worker that lies: it says that it has begun with whatever it was given, and goes on when the file is there.
int claim_all(const std::string& file) {
  if (file.empty()) return 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:ringmill responses") == std::string::npos || line.find(" rw-s ") == std::string::npos)
      continue;
    auto& page = *reinterpret_cast<rm::detail::response_page*>(std::stoull(line, nullptr, 16));
    page.started.store(page.started.load() + 10);
  }
  std::ofstream(file + " is claimed").put('x');
  while (access(file.c_str(), F_OK) != 0) std::this_thread::sleep_for(1ms);
  return 1;
}

namespace {
rm::pool_options one_worker() { return rm::pool_options().workers(1); }
}  // namespace

TEST_CASE("at its run_timeout a task fails, and its worker is killed") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    bool was_running = false;
    try {
      co_await pool.run<&hang>(rm::call_options().run_timeout(10ms));
    } catch (const rm::deadline_exceeded& error) {
      was_running = error.was_running();
    }
    CHECK(was_running);
    const int next = co_await pool.run<&pid>();
    CHECK(next != worker);
    CHECK(support::gone_within(20s, {worker}));
    CHECK(pool.stats().killed == 1);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("a worker that is stopped, which its pidfd does not tell, is killed at the deadline") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    kill(worker, SIGSTOP);
    CHECK_THROWS_AS(co_await pool.run<&pid>(rm::call_options().run_timeout(10ms)), rm::deadline_exceeded);
    const int next = co_await pool.run<&pid>();
    CHECK(next != worker);
  });
}

TEST_CASE("with a grace, a function that sees its cancel may return what it has") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    rm::event begun;
    std::optional<int> looks;
    const auto call = [&]() -> rm::task<> {
      const auto patient = rm::call_options().cancel_grace(60s).on_progress([&begun](double) { begun.set(); });
      looks = co_await pool.run<&until_cancelled>(patient);
    };
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      tasks.start(call);
      co_await begun.wait();
      tasks.cancel();
    });
    CHECK(looks.has_value());
    const int same = co_await pool.run<&pid>();
    CHECK(same == worker);
    CHECK(pool.stats().killed == 0);
  });
}

TEST_CASE("stop_if_cancelled ends the function, its task is cancelled, and the worker lives") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().cancel_grace(60s));
    const int worker = co_await pool.run<&pid>();
    const bool ended = co_await rm::move_on_after(10ms, pool.run<&stop_when_cancelled>());
    CHECK_FALSE(ended);
    const int same = co_await pool.run<&pid>();
    CHECK(same == worker);
    CHECK(pool.stats()[rm::task_outcome::cancelled] == 1);
    CHECK(pool.stats().killed == 0);
  });
}

TEST_CASE("after the grace a function that does not look is killed, and its process is gone when the cancel ends") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    const bool ended = co_await rm::move_on_after(5ms, pool.run<&hang>(rm::call_options().cancel_grace(20ms)));
    CHECK_FALSE(ended);
    CHECK_FALSE(support::is_alive(worker));
    CHECK(pool.stats().killed == 1);
    CHECK(pool.stats()[rm::task_outcome::cancelled] == 1);
  });
}

TEST_CASE("a worker that says it has begun with a call behind its present one keeps that within its grace") {
  on_each_pool_kernel([]() -> rm::task<> {
    support::scratch folder;
    const std::string file = folder / "go on";
    rm::process_pool pool(one_worker());
    for (int i = 0; i < 20; ++i) co_await pool.run<&claim_all>("");  // short: the worker gets two at once
    std::vector<int> values;
    const auto how = rm::call_options().cancel_grace(60s).run_timeout(60s);
    const auto call = [&](std::string name) -> rm::task<> {
      const int value = co_await pool.run<&claim_all>(how, name);
      values.push_back(value);
    };
    rm::nursery all;
    rm::nursery second;
    co_await all.run([&]() -> rm::task<> {
      all.start(call, file);
      all.start([&]() -> rm::task<> { co_await second.run([&]() -> rm::task<> { co_await call(""); }); });
      while (access((file + " is claimed").c_str(), F_OK) != 0) co_await rm::sleep_for(1ms);
      second.cancel();
      std::ofstream(file).put('x');
    });
    CHECK(values == std::vector<int>{1, 0});  // what it gives within the grace counts
    CHECK(pool.stats().killed == 0);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("progress comes while the function runs, in order, and the end of it always") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    std::vector<double> seen;
    co_await pool.run<&in_steps>(rm::call_options().on_progress([&](double done) { seen.push_back(done); }), 30);
    CHECK_FALSE(seen.empty());
    CHECK(std::is_sorted(seen.begin(), seen.end()));
    CHECK(seen.back() <= 1);
  });
}

TEST_CASE("outside of a worker nothing is cancelled and nobody listens") {
  CHECK_FALSE(rm::offload::cancelled());
  rm::offload::stop_if_cancelled();
  rm::offload::report_progress(0.5);
}

TEST_CASE("a task that was given to a worker behind another one is cancelled without harm to that") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    for (int i = 0; i < 10; ++i) co_await pool.run<&pid>();  // now it is known to be short
    for (int round = 0; round < 200; ++round) {
      rm::nursery tasks;
      int got = 0;
      co_await tasks.run([&]() -> rm::task<> {
        const auto call = [](rm::process_pool& in, int& count) -> rm::task<> {
          co_await in.run<&pid>(rm::call_options().cancel_grace(60s));
          ++count;
        };
        for (int i = 0; i < 8; ++i) tasks.start(call, std::ref(pool), std::ref(got));
        for (int turns = 0; turns < round % 7; ++turns) co_await rm::yield();
        tasks.cancel();
      });
    }
    const int same = co_await pool.run<&pid>();
    CHECK(same == worker);
    CHECK(pool.stats()[rm::task_outcome::cancelled] > 0);
    CHECK(pool.stats().run_again == 0);
    CHECK(support::adds_up(pool.stats()));
  });
}

}  // namespace of_cancel
