// What may be called from other threads: post, wake, heartbeat. Also built with ThreadSanitizer: ./dev row tsan
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>

namespace rm = ringmill;
using namespace std::chrono_literals;

TEST_CASE("10,000 functions posted from 4 threads all run, in the order of each thread") {
  constexpr int threads = 4;
  constexpr int posts_each = 2'500;
  std::array<std::vector<int>, threads> received;
  const auto body = [&]() -> rm::task<> {
    rm::loop& here = rm::loop::current();
    const rm::loop::expected_post more_will_come(here);
    rm::event all_came;
    int count = 0;
    std::vector<std::thread> posters;
    for (int thread = 0; thread < threads; ++thread) {
      posters.emplace_back([&, thread] {
        for (int i = 0; i < posts_each; ++i) {
          here.post([&, thread, i] {
            received[static_cast<std::size_t>(thread)].push_back(i);
            if (++count == threads * posts_each) all_came.set();
          });
        }
      });
    }
    co_await all_came.wait();
    for (std::thread& poster : posters) poster.join();
    CHECK(here.statistics().posted == threads * posts_each);
  };
  rm::testing::run(body());
  for (const std::vector<int>& one : received) {
    REQUIRE(one.size() == posts_each);
    bool in_order = true;
    for (int i = 0; i < posts_each; ++i) in_order = in_order && one[static_cast<std::size_t>(i)] == i;
    CHECK(in_order);
  }
}

TEST_CASE("a post wakes a loop that has nothing else to do, for as long as one is expected") {
  int before = 0;
  const auto body = [&]() -> rm::task<> {
    rm::loop& here = rm::loop::current();
    std::optional<rm::loop::expected_post> expected(std::in_place, here);
    rm::event posted;
    std::thread other([&] {
      std::this_thread::sleep_for(5ms);
      here.post([&] { posted.set(); });
    });
    co_await posted.wait();
    other.join();
    before = 1;
    expected.reset();
    rm::event never;
    co_await never.wait();
  };
  CHECK_THROWS_AS(rm::testing::run(body()), rm::deadlock_error);
  CHECK(before == 1);
}

TEST_CASE("an error of a function that another thread posted cancels the root") {
  std::thread other;
  const auto body = [&]() -> rm::task<> {
    rm::loop& here = rm::loop::current();
    const rm::loop::expected_post expected(here);
    other = std::thread([&here] { here.post([] { throw std::runtime_error("from another thread"); }); });
    rm::event never;
    co_await never.wait();
  };
  CHECK_THROWS_WITH_AS(rm::testing::run(body()), "from another thread", std::runtime_error);
  other.join();
}

TEST_CASE("a posted function may start and cancel tasks") {
  int ran = 0;
  const auto body = [&]() -> rm::task<> {
    rm::loop& here = rm::loop::current();
    const rm::loop::expected_post expected(here);
    rm::event done;
    std::thread other([&] {
      here.post([&] {
        here.detach([&]() -> rm::task<> {
          co_await rm::sleep_for(1h);
          ++ran;
          done.set();
        });
      });
    });
    co_await done.wait();
    other.join();
  };
  rm::testing::run(body());
  CHECK(ran == 1);
}

TEST_CASE("wake makes a blocked run_once come back") {
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  std::atomic<bool> waits = false;
  std::thread other([&] {
    while (!waits) std::this_thread::yield();
    here.wake();
  });
  waits = true;
  here.run_once(rm::time_point::max());
  other.join();
  CHECK(here.statistics().waits == 1);
}

TEST_CASE("loops on different threads do not know of each other") {
  std::array<int, 4> sums{};
  std::vector<std::thread> threads;
  for (int& sum : sums) {
    threads.emplace_back([&sum] {
      const auto body = [&sum]() -> rm::task<> {
        for (int i = 0; i < 1'000; ++i) {
          co_await rm::sleep_for(1ms);
          sum += i;
        }
      };
      rm::testing::run(body());
    });
  }
  for (std::thread& one : threads) one.join();
  for (const int sum : sums) CHECK(sum == 499'500);
}

TEST_CASE("the heartbeat can be watched from another thread") {
  std::atomic<bool> over = false;
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  std::uint64_t seen = 0;
  std::thread watcher([&] {
    while (!over) seen = std::max(seen, here.heartbeat());
    seen = std::max(seen, here.heartbeat());
  });
  const auto body = []() -> rm::task<> {
    for (int i = 0; i < 1'000; ++i) co_await rm::yield();
  };
  here.run(body());
  over = true;
  watcher.join();
  CHECK(seen > 1'000);
}
