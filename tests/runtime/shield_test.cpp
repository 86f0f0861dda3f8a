// shield.
#include <doctest/doctest.h>

#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/delayed.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;
using namespace support;

namespace {

/// Runs `inner()` in a nursery that is cancelled after a millisecond; gives how long it took to end.
template <class Inner>
rm::task<rm::duration> cancelled_after_1ms(Inner inner) {
  const rm::time_point start = rm::loop::current().now();
  rm::nursery group;
  auto body = [&]() -> rm::task<> {
    group.start(std::ref(inner));
    co_await rm::sleep_for(1ms);
    group.cancel();
  };
  co_await group.run(std::ref(body));
  co_return rm::loop::current().now() - start;
}

}  // namespace

TEST_CASE("a shield without a request gives the value or error of what is inside") {
  auto body = []() -> rm::task<> {
    const int value = co_await rm::shield(value_after(1ms, 2));
    CHECK(value == 2);
    const int at_once = co_await rm::shield(1ms, value_at_once(3));
    CHECK(at_once == 3);
    CHECK_THROWS_WITH_AS(co_await rm::shield(1ms, fail_after(2ms, "own error")), "own error", std::runtime_error);
  };
  run(body());
}

TEST_CASE("a request waits until the shielded has ended, and is delivered at the next suspension") {
  int value = 0;
  bool went_on = false;
  auto inner = [&]() -> rm::task<> {
    value = co_await rm::shield(value_after(10ms, 5));
    co_await rm::yield();
    went_on = true;
  };
  auto body = [&]() -> rm::task<> {
    const rm::duration took = co_await cancelled_after_1ms(inner);
    CHECK(took == 10ms);
  };
  run(body());
  CHECK(value == 5);
  CHECK_FALSE(went_on);
}

TEST_CASE("the error of what is shielded is thrown in a cancelled task too") {
  bool caught = false;
  auto inner = [&]() -> rm::task<> {
    try {
      (void)co_await rm::shield(fail_after(5ms, "late"));
    } catch (const std::runtime_error&) {
      caught = true;
    }
  };
  auto body = [&]() -> rm::task<> { (void)co_await cancelled_after_1ms(inner); };
  run(body());
  CHECK(caught);
}

TEST_CASE("a shield is started in a task that is cancelled already, through limits and scopes around it as well") {
  int kept = 0;
  rm::cancel_scope scope;
  auto inner = [&]() -> rm::task<> {
    (void)co_await rm::shield(rm::sleep_for(2ms));
    const int first = co_await rm::shield(value_after(3ms, 1));
    kept += first;
    const int second = co_await rm::with_timeout(1h, rm::shield(value_after(3ms, 10)));
    kept += second;
    const std::optional<int> third = co_await scope.run(rm::shield(value_after(3ms, 100)));
    kept += third.value_or(0);
    (void)co_await value_after(1ms, 1);
    kept = 0;
  };
  auto body = [&]() -> rm::task<> {
    const rm::duration took = co_await cancelled_after_1ms(inner);
    CHECK(took == 11ms);
  };
  run(body());
  CHECK(kept == 111);
}

TEST_CASE("a task inside of a shield may await although its parent is cancelled") {
  int steps = 0;
  auto work = [&]() -> rm::task<> {
    for (int i = 0; i < 3; ++i) {
      co_await rm::sleep_for(2ms);
      ++steps;
    }
  };
  auto inner = [&]() -> rm::task<> { co_await rm::shield(work()); };
  auto body = [&]() -> rm::task<> { (void)co_await cancelled_after_1ms(inner); };
  run(body());
  CHECK(steps == 3);
}

TEST_CASE("the budget of a shield begins with the request, and then what is inside is cut off") {
  int alive = 0;
  bool went_on = false;
  auto inner = [&]() -> rm::task<> {
    (void)co_await rm::shield(4ms, sleep_tracked(alive));
    went_on = true;
  };
  auto body = [&]() -> rm::task<> {
    const rm::duration took = co_await cancelled_after_1ms(inner);
    CHECK(took == 5ms);
  };
  run(body());
  CHECK(alive == 0);
  CHECK_FALSE(went_on);
}

TEST_CASE("a budget works on an awaiter that is no task, and a budget of zero ends it at once") {
  rm::event never;
  auto with_budget = [&]() -> rm::task<> { co_await rm::shield(4ms, never.wait()); };
  auto without = [&]() -> rm::task<> { co_await rm::shield(0ms, never.wait()); };
  auto body = [&]() -> rm::task<> {
    const rm::duration took = co_await cancelled_after_1ms(with_budget);
    CHECK(took == 5ms);
    const rm::duration at_once = co_await cancelled_after_1ms(without);
    CHECK(at_once == 1ms);
  };
  run(body());
}

TEST_CASE("what ends within its budget leaves no timer behind") {
  auto inner = [&]() -> rm::task<> { co_await rm::shield(1h, rm::sleep_for(3ms)); };
  auto body = [&]() -> rm::task<> {
    const rm::duration took = co_await cancelled_after_1ms(inner);
    CHECK(took == 3ms);
    rm::event never;
    co_await never.wait();  // a timer would keep this from being a deadlock
  };
  CHECK_THROWS_AS(run(body()), rm::deadlock_error);
}

TEST_CASE("the value of a shield inside of a limit is kept when it comes late") {
  auto body = []() -> rm::task<> {
    const int value = co_await rm::with_timeout(1ms, rm::shield(value_after(5ms, 3)));
    CHECK(value == 3);
    CHECK_THROWS_AS(co_await rm::with_timeout(1ms, rm::shield(2ms, value_after(5ms, 3))), rm::timeout_error);
  };
  run(body());
}
