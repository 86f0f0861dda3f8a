// with_timeout and when_all.
#include <doctest/doctest.h>

#include <stdexcept>
#include <tuple>
#include <vector>

#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/semaphore.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/delayed.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::fail_after;
using support::run;
using support::sleep_tracked;
using support::value_after;
using support::value_at_once;
using namespace std::chrono_literals;

TEST_CASE("with_timeout gives the value of what ends in time") {
  auto body = []() -> rm::task<int> {
    const int value = co_await rm::with_timeout(2ms, value_after(1ms, 5));
    co_return value;
  };
  CHECK(run(body()) == 5);
}

TEST_CASE("with_timeout throws timeout_error at the deadline, after the task has been destroyed") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    const rm::time_point start = rm::loop::current().now();
    CHECK_THROWS_AS(co_await rm::with_timeout(5ms, sleep_tracked(alive)), rm::timeout_error);
    CHECK(alive == 0);
    CHECK(rm::loop::current().now() - start == 5ms);
  };
  run(body());
}

TEST_CASE("with_timeout works on an awaiter that is no task") {
  auto body = []() -> rm::task<> {
    rm::event never;
    CHECK_THROWS_AS(co_await rm::with_timeout(5ms, never.wait()), rm::timeout_error);
    CHECK_THROWS_AS(co_await rm::with_timeout(5ms, rm::sleep_for(1h)), rm::timeout_error);
  };
  run(body());
}

TEST_CASE("with a limit of zero what completes without suspending completes and the rest is not started") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    const int value = co_await rm::with_timeout(0ms, value_at_once(3));
    CHECK(value == 3);
    CHECK_THROWS_AS(co_await rm::with_timeout(-1ms, sleep_tracked(alive)), rm::timeout_error);
    rm::semaphore none(0);
    CHECK_THROWS_AS(co_await rm::with_timeout(0ms, none.acquire()), rm::timeout_error);
  };
  run(body());
  CHECK(alive == 0);
}

TEST_CASE("the outer of two timeouts that expired reports, the inner sees a cancel") {
  bool inner_saw_timeout = false;
  auto inner = [&]() -> rm::task<> {
    try {
      co_await rm::with_timeout(5ms, rm::sleep_for(1h));
    } catch (const rm::timeout_error&) {
      inner_saw_timeout = true;
      throw;
    }
  };
  auto body = [&]() -> rm::task<> { CHECK_THROWS_AS(co_await rm::with_timeout(3ms, inner()), rm::timeout_error); };
  run(body());
  CHECK_FALSE(inner_saw_timeout);
}

TEST_CASE("an endless timeout does not overflow") {
  auto body = []() -> rm::task<int> {
    const int value = co_await rm::with_timeout(std::chrono::hours::max(), value_after(1ms, 1));
    co_return value;
  };
  CHECK(run(body()) == 1);
}

TEST_CASE("when_all gives all values in the order given") {
  auto body = []() -> rm::task<> {
    const auto [first, second] = co_await rm::when_all(value_after(2ms, 1), value_after(1ms, 2));
    CHECK(first == 1);
    CHECK(second == 2);
    std::vector<rm::task<int>> many;
    for (int i = 0; i < 100; ++i) many.push_back(value_after(std::chrono::milliseconds(100 - i), i));
    const std::vector<int> values = co_await rm::when_all(std::move(many));
    REQUIRE(values.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(values[static_cast<std::size_t>(i)] == i);
  };
  run(body());
}

TEST_CASE("when_all of nothing is done at once") {
  auto body = []() -> rm::task<> {
    std::vector<rm::task<int>> none;
    const std::vector<int> values = co_await rm::when_all(std::move(none));
    CHECK(values.empty());
  };
  run(body());
}

TEST_CASE("when_all cancels the others on the first error and throws it when they have ended") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_WITH_AS(co_await rm::when_all(sleep_tracked(alive), fail_after(1ms, "failed"), sleep_tracked(alive)),
                         "failed", std::runtime_error);
    CHECK(alive == 0);
  };
  run(body());
}

TEST_CASE("a when_all that is cancelled ends all of its children") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_AS(co_await rm::with_timeout(1ms, rm::when_all(sleep_tracked(alive), sleep_tracked(alive))),
                    rm::timeout_error);
    CHECK(alive == 0);
  };
  run(body());
}

TEST_CASE("a semaphore hands its permits over in order of arrival") {
  std::vector<int> order;
  auto body = [&]() -> rm::task<> {
    rm::semaphore gate(1);
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      for (int i = 0; i < 5; ++i) {
        children.start(
            [&](int number) -> rm::task<> {
              const rm::semaphore::permit permit = co_await gate.acquire();
              order.push_back(number);
              co_await rm::sleep_for(1ms);
            },
            i);
      }
      co_return;
    });
    CHECK(gate.available() == 1);
  };
  run(body());
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
}

TEST_CASE("a permit that was handed over is not lost when its new owner is cancelled in the same turn") {
  auto body = []() -> rm::task<> {
    rm::semaphore gate(1);
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      rm::semaphore::permit mine = co_await gate.acquire();
      children.start([&]() -> rm::task<> {
        const rm::semaphore::permit permit = co_await gate.acquire();
        co_await rm::sleep_for(1h);
      });
      co_await rm::sleep_for(1ms);
      mine.release();
      children.cancel();
    });
    CHECK(gate.available() == 1);
  };
  run(body());
}
