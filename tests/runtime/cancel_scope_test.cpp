// cancel_scope.
#include <doctest/doctest.h>

#include <string_view>

#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/delayed.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;
using namespace support;

TEST_CASE("a scope that is not cancelled gives what its runs give") {
  auto body = []() -> rm::task<> {
    rm::cancel_scope scope;
    const std::optional<int> value = co_await scope.run(value_after(1ms, 4));
    CHECK(value == 4);
    const bool slept = co_await scope.run(rm::sleep_for(1ms));
    CHECK(slept);
    CHECK_THROWS_WITH_AS(co_await scope.run(fail_after(1ms, "own error")), "own error", std::runtime_error);
    CHECK_FALSE(scope.is_cancelled());
  };
  run(body());
}

TEST_CASE("cancelling a scope cuts off all that runs in it, and what comes later, but not the tasks that wait") {
  int alive = 0;
  int went_on = 0;
  auto body = [&]() -> rm::task<> {
    rm::cancel_scope scope;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      for (int i = 0; i < 3; ++i) {
        group.start([&]() -> rm::task<> {
          const std::optional<int> nothing = co_await scope.run(sleep_tracked(alive));
          CHECK_FALSE(nothing.has_value());
          co_await rm::sleep_for(1ms);
          ++went_on;
        });
      }
      co_await rm::sleep_for(1ms);
      CHECK(alive == 3);
      scope.cancel();
      scope.cancel();
      CHECK(alive == 3);
    });
    CHECK(scope.is_cancelled());
    const std::optional<int> later = co_await scope.run(sleep_tracked(alive));
    CHECK_FALSE(later.has_value());
    const bool slept = co_await scope.run(rm::sleep_for(1ms));
    CHECK_FALSE(slept);
    const std::optional<int> at_once = co_await scope.run(value_at_once(3));
    CHECK(at_once == 3);
  };
  run(body());
  CHECK(alive == 0);
  CHECK(went_on == 3);
}

TEST_CASE("a result that comes while a scope is being cut off is given") {
  auto body = []() -> rm::task<> {
    rm::cancel_scope scope;
    auto cancel_soon = [&]() -> rm::task<> {
      co_await rm::sleep_for(1ms);
      scope.cancel();
    };
    const auto [value, ignored] = co_await rm::when_all(scope.run(stubborn_after(5ms, 6)), cancel_soon());
    CHECK(value == 6);
  };
  run(body());
}

TEST_CASE("a scope may be cancelled by what is being started in it") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    rm::cancel_scope scope;
    auto cancel_at_once = [&]() -> rm::task<int> {
      scope.cancel();
      co_return 1;
    };
    const auto none = co_await scope.run(rm::when_all(sleep_tracked(alive), cancel_at_once(), sleep_tracked(alive)));
    CHECK_FALSE(none.has_value());
    CHECK(alive == 0);
    rm::cancel_scope own;
    auto cancel_self = [&]() -> rm::task<int> {
      own.cancel();
      co_return 2;
    };
    const std::optional<int> own_value = co_await own.run(cancel_self());
    CHECK(own_value == 2);
  };
  run(body());
}

TEST_CASE("a request from outside goes through a scope and unwinds the task") {
  int alive = 0;
  bool went_on = false;
  auto body = [&]() -> rm::task<> {
    rm::cancel_scope scope;
    auto inside = [&]() -> rm::task<> {
      (void)co_await scope.run(sleep_tracked(alive));
      went_on = true;
    };
    CHECK_THROWS_AS(co_await rm::with_timeout(1ms, inside()), rm::timeout_error);
    CHECK(alive == 0);
    CHECK_FALSE(scope.is_cancelled());
  };
  run(body());
  CHECK_FALSE(went_on);
}

TEST_CASE("what runs in a scope sees why it was cancelled") {
  std::string_view seen;  // no string: a destructor fills it in, and there may be no memory
  class at_end {
   public:
    explicit at_end(std::string_view& text) : text_(text) {}
    ~at_end() { text_ = rm::current_cancel_reason().text(); }

   private:
    std::string_view& text_;
  };
  auto inside = [&]() -> rm::task<> {
    const at_end note(seen);
    co_await rm::sleep_for(1h);
  };
  auto body = [&]() -> rm::task<> {
    rm::cancel_scope scope;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start([&]() -> rm::task<> { (void)co_await scope.run(inside()); });
      co_await rm::yield();
      scope.cancel(rm::cancel_reason("no longer needed"));
    });
  };
  run(body());
  CHECK(seen == "no longer needed");
}
