// when_any and when_any_success.
#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/semaphore.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_any.hpp>

#include "../support/delayed.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;
using namespace support;

TEST_CASE("when_any gives place and value of the first, after the others have been destroyed") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    const rm::time_point start = rm::loop::current().now();
    auto first = co_await rm::when_any(sleep_tracked(alive), value_after(2ms, 7), rm::sleep_for(3ms));
    CHECK(alive == 0);
    CHECK(rm::loop::current().now() - start == 2ms);
    CHECK(first.index() == 1);
    CHECK(std::get<1>(first.value()) == 7);
    CHECK(first.also_completed().empty());
  };
  run(body());
}

TEST_CASE("when_any of a vector gives a plain value") {
  auto body = []() -> rm::task<> {
    std::vector<rm::task<int>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(value_after(std::chrono::milliseconds(10 - i), i));
    auto first = co_await rm::when_any(std::move(tasks));
    CHECK(first.index() == 4);
    const int value = std::move(first).value();
    CHECK(value == 4);
  };
  run(body());
}

TEST_CASE("when_any of an empty vector is refused") {
  CHECK_THROWS_AS((void)rm::when_any(std::vector<rm::task<int>>()), std::invalid_argument);
  CHECK_THROWS_AS((void)rm::when_any_success(std::vector<rm::task<int>>()), std::invalid_argument);
}

TEST_CASE("what ends at once wins and those behind it are never started") {
  bool started = false;
  auto late = [&]() -> rm::task<int> {
    started = true;
    co_return 2;
  };
  auto body = [&]() -> rm::task<> {
    auto first = co_await rm::when_any(value_at_once(1), late());
    CHECK(first.index() == 0);
  };
  run(body());
  CHECK_FALSE(started);
}

TEST_CASE("of those that end in the same turn the first place wins, and the other value is not lost") {
  auto body = []() -> rm::task<> {
    auto tie = co_await rm::when_any(value_after(2ms, 1), value_after(2ms, 2));
    CHECK(tie.index() == 0);
    REQUIRE(tie.also_completed().size() == 1);
    CHECK(tie.also_completed()[0].first == 1);
    CHECK(std::get<1>(tie.also_completed()[0].second) == 2);

    rm::event one;
    rm::event two;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start([&]() -> rm::task<> {
        auto first = co_await rm::when_any(one.wait(), two.wait());
        CHECK(first.index() == 0);
      });
      co_await rm::sleep_for(1ms);
      two.set();
      one.set();
    });
  };
  run(body());
}

TEST_CASE("when_any waits for a loser that does not stop, and hands its value over") {
  auto body = []() -> rm::task<> {
    const rm::time_point start = rm::loop::current().now();
    auto first = co_await rm::when_any(stubborn_after(9ms, 5), value_after(1ms, 1));
    CHECK(rm::loop::current().now() - start == 9ms);
    CHECK(first.index() == 1);
    REQUIRE(first.also_completed().size() == 1);
    CHECK(std::get<0>(first.also_completed()[0].second) == 5);
  };
  run(body());
}

TEST_CASE("what a loser acquired is given back if nobody takes it") {
  auto body = []() -> rm::task<> {
    rm::semaphore gate(1);
    {
      auto first = co_await rm::when_any(rm::yield(), gate.acquire());
      CHECK(first.also_completed().size() <= 1);
    }
    CHECK(gate.available() == 1);
  };
  run(body());
}

TEST_CASE("when_any throws the error of the first to end, and logs one of a loser") {
  const kept_log log;
  int alive = 0;
  auto stubborn = []() -> rm::task<int> {
    co_await rm::shield(rm::sleep_for(2ms));
    throw std::runtime_error("loser");
  };
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_WITH_AS(
        static_cast<void>(co_await rm::when_any(sleep_tracked(alive), fail_after(1ms, "first"), stubborn())), "first",
        std::runtime_error);
    CHECK(alive == 0);
  };
  run(body());
  CHECK(log.contains("loser"));
  CHECK_FALSE(log.contains("first"));
}

TEST_CASE("when_any_success goes past errors to the first value") {
  const kept_log log;
  auto body = []() -> rm::task<> {
    auto first = co_await rm::when_any_success(fail_after(1ms, "a"), value_after(3ms, 3), fail_after(2ms, "b"));
    CHECK(first.index() == 1);
  };
  run(body());
  CHECK(log.empty());
}

TEST_CASE("when_any_success throws all errors, in order of completion, if all fail") {
  auto body = []() -> rm::task<> {
    std::vector<rm::task<int>> tasks;
    tasks.push_back(fail_after(3ms, "slow"));
    tasks.push_back(fail_after(1ms, "fast"));
    try {
      (void)co_await rm::when_any_success(std::move(tasks));
      FAIL("it has to throw");
    } catch (const rm::exception_group& group) {
      REQUIRE(group.errors().size() == 2);
      CHECK_THROWS_WITH_AS(std::rethrow_exception(group.errors()[0]), "fast", std::runtime_error);
      CHECK_THROWS_WITH_AS(std::rethrow_exception(group.errors()[1]), "slow", std::runtime_error);
    }
  };
  run(body());
}

TEST_CASE("a when_any that is cancelled ends all of its children") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_AS(
        static_cast<void>(co_await rm::with_timeout(1ms, rm::when_any(sleep_tracked(alive), sleep_tracked(alive)))),
        rm::timeout_error);
    CHECK(alive == 0);
  };
  run(body());
}

TEST_CASE("a winner that came while a when_any was cut off is given all the same") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    auto first = co_await rm::with_timeout(1ms, rm::when_any(sleep_tracked(alive), stubborn_after(4ms, 8)));
    CHECK(std::get<1>(first.value()) == 8);
    CHECK(alive == 0);
  };
  run(body());
}
