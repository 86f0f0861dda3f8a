// with_deadline, move_on_after, move_on_at, current_deadline; with_timeout has more in combine_test.cpp.
#include <doctest/doctest.h>

#include <ringmill/runtime/context.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/result.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/delayed.hpp"
#include "../support/jumping_clock.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;
using namespace support;

namespace {
rm::time_point now() { return rm::loop::current().now(); }
}  // namespace

TEST_CASE("with_deadline throws at that point in time, not later and not before") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    const rm::time_point deadline = now() + 5ms;
    co_await rm::sleep_for(2ms);
    const int value = co_await rm::with_deadline(deadline, value_after(2ms, 1));
    CHECK(value == 1);
    CHECK_THROWS_AS(co_await rm::with_deadline(deadline, sleep_tracked(alive)), rm::timeout_error);
    CHECK(now() == deadline);
    CHECK(alive == 0);
    CHECK_THROWS_AS(co_await rm::with_deadline(deadline, sleep_tracked(alive)), rm::timeout_error);
    CHECK(now() == deadline);
  };
  run(body());
}

TEST_CASE("move_on_after gives an optional, or for void whether it completed") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    const std::optional<int> value = co_await rm::move_on_after(5ms, value_after(1ms, 2));
    CHECK(value == 2);
    const std::optional<int> none = co_await rm::move_on_after(5ms, sleep_tracked(alive));
    CHECK_FALSE(none.has_value());
    CHECK(alive == 0);
    const bool slept = co_await rm::move_on_after(5ms, rm::sleep_for(1ms));
    CHECK(slept);
    const bool too_long = co_await rm::move_on_after(5ms, rm::sleep_for(1h));
    CHECK_FALSE(too_long);
    CHECK_THROWS_WITH_AS(co_await rm::move_on_after(5ms, fail_after(1ms, "own error")), "own error",
                         std::runtime_error);
  };
  run(body());
}

TEST_CASE("move_on_at gives nothing when its point in time is over") {
  auto body = []() -> rm::task<> {
    const rm::time_point deadline = now() + 3ms;
    const std::optional<int> value = co_await rm::move_on_at(deadline, value_after(1ms, 2));
    CHECK(value == 2);
    const std::optional<int> none = co_await rm::move_on_at(deadline, value_after(1h, 2));
    CHECK_FALSE(none.has_value());
    CHECK(now() == deadline);
    const std::optional<int> at_once = co_await rm::move_on_at(deadline, value_at_once(4));
    CHECK(at_once == 4);
  };
  run(body());
}

TEST_CASE("a result that comes while it is being cut off is given, however late") {
  auto body = []() -> rm::task<> {
    const int value = co_await rm::with_timeout(1ms, stubborn_after(5ms, 3));
    CHECK(value == 3);
    const std::optional<int> same = co_await rm::move_on_after(1ms, stubborn_after(5ms, 4));
    CHECK(same == 4);
  };
  run(body());
}

TEST_CASE("current_deadline is the earliest of those around the task, also for what it starts") {
  auto body = []() -> rm::task<> {
    CHECK_FALSE(rm::current_deadline().has_value());
    const rm::time_point start = now();
    auto innermost = [&]() -> rm::task<> {
      CHECK(rm::current_deadline() == start + 5ms);
      rm::nursery group;
      co_await group.run([&]() -> rm::task<> {
        group.start([&]() -> rm::task<> {
          CHECK(rm::current_deadline() == start + 5ms);
          co_return;
        });
        co_return;
      });
    };
    auto inner = [&]() -> rm::task<> {
      CHECK(rm::current_deadline() == start + 9ms);
      co_await rm::with_timeout(1h, rm::with_timeout(5ms, innermost()));
      co_await rm::with_timeout(5ms, rm::with_timeout(1h, innermost()));
      CHECK(rm::current_deadline() == start + 9ms);
    };
    co_await rm::with_timeout(9ms, inner());
    CHECK_FALSE(rm::current_deadline().has_value());
  };
  run(body());
  CHECK_FALSE(rm::current_deadline().has_value());
}

TEST_CASE("of limits that are over in the same turn the outermost reports, in one frame") {
  auto body = []() -> rm::task<> {
    const auto outer_moves_on =
        co_await rm::move_on_after(5ms, rm::with_timeout(5ms, rm::with_timeout(5ms, value_after(1h, 1))));
    CHECK_FALSE(outer_moves_on.has_value());
    CHECK_THROWS_AS(co_await rm::with_timeout(5ms, rm::move_on_after(5ms, rm::sleep_for(1h))), rm::timeout_error);
  };
  run(body());
}

TEST_CASE("of limits that are over in the same turn the outermost reports, across tasks") {
  bool inner_went_on = false;
  auto inner = [&](std::chrono::milliseconds limit) -> rm::task<> {
    (void)co_await rm::move_on_after(limit, rm::sleep_for(1h));
    inner_went_on = true;
  };
  auto between = [&](std::chrono::milliseconds limit) -> rm::task<> { co_await inner(limit); };
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_AS(co_await rm::with_timeout(5ms, between(5ms)), rm::timeout_error);
    CHECK_FALSE(inner_went_on);
  };
  run(body());
}

TEST_CASE("when the thread was held beyond two limits the outer reports although the inner was over before") {
  jumping_clock clock;
  rm::loop here(clock);
  bool inner_went_on = false;
  auto inner = [&]() -> rm::task<> {
    (void)co_await rm::move_on_after(3ms, rm::sleep_for(1h));
    inner_went_on = true;
  };
  auto body = [&]() -> rm::task<> {
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start([&]() -> rm::task<> { CHECK_THROWS_AS(co_await rm::with_timeout(5ms, inner()), rm::timeout_error); });
      group.start([&]() -> rm::task<> {
        CHECK_THROWS_AS(co_await rm::with_timeout(5ms, rm::move_on_after(3ms, rm::sleep_for(1h))), rm::timeout_error);
      });
      group.start([&]() -> rm::task<> {
        clock.advance(1min);
        co_return;
      });
      co_return;
    });
  };
  here.run(body());
  CHECK_FALSE(inner_went_on);
}

TEST_CASE("an inner limit that is over alone reports, and the outer goes on") {
  auto body = []() -> rm::task<> {
    auto inner = []() -> rm::task<int> {
      CHECK_THROWS_AS(co_await rm::with_timeout(3ms, rm::sleep_for(1h)), rm::timeout_error);
      co_await rm::sleep_for(1ms);
      co_return 6;
    };
    const std::optional<int> value = co_await rm::move_on_after(5ms, inner());
    CHECK(value == 6);
  };
  run(body());
}

TEST_CASE("a limit of zero or less lets complete what does not suspend, within others too") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    const rm::time_point start = now();
    for (const std::chrono::milliseconds limit : {0ms, -1ms, std::chrono::milliseconds::min()}) {
      const std::optional<int> value = co_await rm::move_on_after(limit, value_at_once(1));
      CHECK(value == 1);
      const std::optional<int> none = co_await rm::move_on_after(limit, sleep_tracked(alive));
      CHECK_FALSE(none.has_value());
      const bool zero_sleep = co_await rm::move_on_after(limit, rm::sleep_for(0ms));
      CHECK(zero_sleep);
      const bool slept = co_await rm::move_on_after(limit, rm::sleep_for(1ns));
      CHECK_FALSE(slept);
      const std::optional<int> within = co_await rm::move_on_after(limit, rm::with_timeout(1h, value_at_once(2)));
      CHECK(within == 2);
      const auto outer_reports = co_await rm::move_on_after(limit, rm::with_timeout(1h, sleep_tracked(alive)));
      CHECK_FALSE(outer_reports.has_value());
      const bool both_over = co_await rm::move_on_after(limit, rm::with_timeout(0ms, rm::sleep_for(1h)));
      CHECK_FALSE(both_over);
      const auto as_result = co_await rm::move_on_after(limit, rm::as_result(sleep_tracked(alive)));
      CHECK_FALSE(as_result.has_value());
    }
    CHECK(alive == 0);
    CHECK(now() == start);
  };
  run(body());
}

TEST_CASE("limits at the ends of time do not overflow") {
  auto body = []() -> rm::task<> {
    auto deadline = []() -> rm::task<rm::time_point> {
      co_await rm::yield();
      co_return rm::current_deadline().value();
    };
    const auto longest = co_await rm::with_timeout(std::chrono::hours::max(), deadline());
    CHECK(longest == rm::time_point::max());
    const auto latest = co_await rm::with_deadline(rm::time_point::max(), deadline());
    CHECK(latest == rm::time_point::max());
    const auto shortest = co_await rm::move_on_after(std::chrono::hours::min(), deadline());
    CHECK_FALSE(shortest.has_value());
    const auto earliest = co_await rm::move_on_at(rm::time_point::min(), deadline());
    CHECK_FALSE(earliest.has_value());
  };
  run(body());
}

TEST_CASE("a request from outside goes through a limit and is not taken for its end") {
  bool went_on = false;
  auto inside = [&]() -> rm::task<> {
    (void)co_await rm::move_on_after(1h, rm::sleep_for(2h));
    went_on = true;
  };
  auto body = [&]() -> rm::task<> {
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(inside);
      co_await rm::sleep_for(1ms);
      group.cancel();
    });
  };
  run(body());
  CHECK_FALSE(went_on);
}
