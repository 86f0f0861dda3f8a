#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

/// A driver that has no virtual clock, and nothing else either.
class idle_driver final : public rm::driver {
 public:
  rm::time_point now() noexcept override { return rm::time_point(); }
  void poll() override {}
  void wait(std::optional<rm::time_point>) override {}
  bool can_wake() const noexcept override { return false; }
  void wake() noexcept override {}
};

}  // namespace

TEST_CASE("a virtual clock jumps to the next deadline when nothing is ready, and shows exactly that time") {
  auto body = []() -> rm::task<> {
    const rm::time_point start = rm::loop::current().now();
    co_await rm::sleep_for(24h);
    CHECK(rm::loop::current().now() - start == 24h);
    co_await rm::sleep_for(1ns);
    CHECK(rm::loop::current().now() - start == 24h + 1ns);
  };
  rm::testing::run(body());
}

TEST_CASE("a test that would hang fails, with the tree of tasks") {
  auto body = []() -> rm::task<> {
    rm::event never;
    co_await never.wait();
  };
  std::string said;
  try {
    rm::testing::run(body());
  } catch (const rm::deadlock_error& error) {
    said = error.what();
  }
  CHECK(said.find("deadlock: every task waits for another one") != std::string::npos);
  CHECK(said.find("testing_test.cpp") != std::string::npos);
}

TEST_CASE("all_blocked comes back when every other task has gone as far as it can, before any time has passed") {
  auto body = []() -> rm::task<> {
    rm::nursery children;
    int steps = 0;
    auto walk = [&]() -> rm::task<> {
      for (int i = 0; i < 1000; ++i) {
        ++steps;
        co_await rm::yield();
      }
      co_await rm::sleep_for(1s);
      ++steps;
    };
    auto watch = [&]() -> rm::task<> {
      const rm::time_point start = rm::loop::current().now();
      children.start(walk);
      children.start(walk);
      co_await rm::testing::all_blocked();
      CHECK(steps == 2000);
      CHECK(rm::loop::current().now() == start);
      co_await rm::sleep_for(1s);
      co_await rm::testing::all_blocked();
      CHECK(steps == 2002);
    };
    co_await children.run(watch);
  };
  rm::testing::run(body());
}

TEST_CASE("all_blocked comes back when there is no other task at all, and to several at a time") {
  auto body = []() -> rm::task<> {
    co_await rm::testing::all_blocked();
    rm::nursery children;
    int back = 0;
    auto watch = [&]() -> rm::task<> {
      co_await rm::testing::all_blocked();
      ++back;
    };
    auto start = [&]() -> rm::task<> {
      children.start(watch);
      children.start(watch);
      co_return;
    };
    co_await children.run(start);
    CHECK(back == 2);
  };
  rm::testing::run(body());
}

TEST_CASE("all_blocked can be cancelled, and what it waits for can be limited") {
  auto body = []() -> rm::task<> {
    rm::nursery children;
    bool went_on = false;
    auto watch = [&]() -> rm::task<> {
      co_await rm::testing::all_blocked();
      went_on = true;
    };
    auto start = [&]() -> rm::task<> {
      children.start(watch);
      co_await rm::yield();
      children.cancel();
    };
    co_await children.run(start);
    CHECK_FALSE(went_on);
    co_await rm::with_timeout(1s, rm::testing::all_blocked());
  };
  rm::testing::run(body());
}

TEST_CASE("all_blocked on a loop without a virtual clock says what to use") {
  auto body = []() -> rm::task<> { co_await rm::testing::all_blocked(); };
  idle_driver below;
  rm::loop here(below);
  CHECK_THROWS_WITH_AS(here.run(body()), "all_blocked() on a loop that has no virtual clock: use rm::testing::run",
                       std::logic_error);
}

TEST_CASE("a virtual clock waits for a post that was announced by another thread") {
  std::vector<int> order;
  std::thread other;
  auto body = [&]() -> rm::task<> {
    rm::loop& here = rm::loop::current();
    rm::event posted;
    const rm::loop::expected_post expected(here);
    other = std::thread([&] { here.post([&] { posted.set(); }); });
    co_await posted.wait();
    order.push_back(1);
  };
  rm::testing::run(body());
  other.join();
  CHECK(order == std::vector{1});
}
