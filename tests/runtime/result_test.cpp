// result<T> and as_result.
#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>

#include <ringmill/runtime/result.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/delayed.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;
using namespace support;

TEST_CASE("a result has a value, an error, or was cancelled") {
  rm::result<std::unique_ptr<int>> good(std::make_unique<int>(4));
  CHECK(good);
  CHECK(*good.value() == 4);
  CHECK(good.error() == nullptr);
  const std::unique_ptr<int> taken = std::move(good).value();
  CHECK(*taken == 4);

  const rm::result<int> bad(std::make_exception_ptr(std::runtime_error("bad")));
  CHECK_FALSE(bad);
  CHECK(bad.has_error());
  CHECK_THROWS_WITH_AS(bad.value(), "bad", std::runtime_error);
  CHECK_THROWS_AS(std::rethrow_exception(bad.error()), std::runtime_error);

  const rm::result<> none;
  CHECK(none.is_cancelled());
  CHECK_FALSE(none);
  CHECK_THROWS_AS(none.value(), rm::operation_cancelled);
  CHECK_NOTHROW(rm::result<>(std::monostate()).value());

  int number = 1;
  const rm::result<int&> reference(number);
  reference.value() = 2;
  CHECK(number == 2);
}

TEST_CASE("as_result gives values and errors, and throws neither") {
  auto body = []() -> rm::task<> {
    const rm::result<int> value = co_await rm::as_result(value_after(1ms, 3));
    CHECK(value.value() == 3);
    const rm::result<int> error = co_await rm::as_result(fail_after(1ms, "late"));
    CHECK_THROWS_WITH_AS(error.value(), "late", std::runtime_error);
    const rm::result<> nothing = co_await rm::as_result(rm::sleep_for(1ms));
    CHECK(nothing.has_value());
    const rm::result<int> late = co_await rm::as_result(rm::with_timeout(1ms, value_after(1h, 1)));
    CHECK_THROWS_AS(late.value(), rm::timeout_error);
  };
  run(body());
}

TEST_CASE("as_result of what cannot begin gives that error") {
  auto body = []() -> rm::task<> {
    rm::task<int> once = value_at_once(1);
    const rm::task<int> moved_away = std::move(once);
    const rm::result<int> result = co_await rm::as_result(std::move(once));
    CHECK_THROWS_AS(result.value(), std::logic_error);
  };
  run(body());
}

TEST_CASE("a task that is cancelled inside of as_result is unwound and sees no result") {
  int alive = 0;
  bool went_on = false;
  auto inner = [&]() -> rm::task<> {
    const rm::result<int> result = co_await rm::as_result(sleep_tracked(alive));
    went_on = true;
  };
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_AS(co_await rm::with_timeout(1ms, inner()), rm::timeout_error);
    CHECK(alive == 0);
  };
  run(body());
  CHECK_FALSE(went_on);
}
