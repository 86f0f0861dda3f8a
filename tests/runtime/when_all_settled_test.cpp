// when_all_settled, and what when_all does with errors that it cannot throw.
#include <doctest/doctest.h>

#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>
#include <ringmill/runtime/when_all_settled.hpp>

#include "../support/delayed.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;
using namespace support;

TEST_CASE("when_all_settled runs each to its end although others fail") {
  auto body = []() -> rm::task<> {
    const rm::time_point start = rm::loop::current().now();
    const auto [failed, slow, nothing] =
        co_await rm::when_all_settled(fail_after(1ms, "one"), value_after(5ms, 2), rm::sleep_for(3ms));
    CHECK(rm::loop::current().now() - start == 5ms);
    CHECK_THROWS_WITH_AS(failed.value(), "one", std::runtime_error);
    CHECK(slow.value() == 2);
    CHECK(nothing.has_value());
  };
  run(body());
}

TEST_CASE("when_all_settled of a vector keeps the order, and of none is done at once") {
  auto body = []() -> rm::task<> {
    std::vector<rm::task<int>> tasks;
    tasks.push_back(value_after(3ms, 0));
    tasks.push_back(value_at_once(1));
    tasks.push_back(fail_after(1ms, "two"));
    const std::vector<rm::result<int>> results = co_await rm::when_all_settled(std::move(tasks));
    REQUIRE(results.size() == 3);
    CHECK(results[0].value() == 0);
    CHECK(results[1].value() == 1);
    CHECK(results[2].has_error());
    const std::vector<rm::result<int>> none = co_await rm::when_all_settled(std::vector<rm::task<int>>());
    CHECK(none.empty());
  };
  run(body());
}

TEST_CASE("a when_all_settled that is cut off gives what has ended by then") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    const auto results =
        co_await rm::with_timeout(2ms, rm::when_all_settled(value_after(1ms, 1), sleep_tracked(alive)));
    CHECK(alive == 0);
    CHECK(std::get<0>(results).value() == 1);
    CHECK(std::get<1>(results).is_cancelled());
  };
  run(body());
}

TEST_CASE("a when_all_settled of which nothing has ended is cut off like anything else") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_AS(co_await rm::with_timeout(2ms, rm::when_all_settled(sleep_tracked(alive), sleep_tracked(alive))),
                    rm::timeout_error);
    CHECK(alive == 0);
  };
  run(body());
}

TEST_CASE("errors that when_all cannot throw are logged") {
  const kept_log log;
  auto stubborn = []() -> rm::task<int> {
    co_await rm::shield(rm::sleep_for(2ms));
    throw std::runtime_error("second");
  };
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_WITH_AS(co_await rm::when_all(fail_after(1ms, "first"), stubborn()), "first", std::runtime_error);
  };
  run(body());
  CHECK(log.contains("when_all had one more error: second"));
}

TEST_CASE("when_all gives a reference as a reference_wrapper") {
  int number = 1;
  auto refer = [&]() -> rm::task<int&> { co_return number; };
  auto body = [&]() -> rm::task<> {
    auto [first] = co_await rm::when_all(refer());
    first.get() = 2;
  };
  run(body());
  CHECK(number == 2);
}

TEST_CASE("a limit around when_all reports before a limit inside of it that is over in the same turn") {
  auto body = []() -> rm::task<> {
    const auto result = co_await rm::move_on_after(
        5ms, rm::when_all(rm::with_timeout(5ms, rm::sleep_for(1h)), rm::with_timeout(5ms, rm::sleep_for(1h))));
    CHECK_FALSE(result.has_value());
  };
  run(body());
}
