#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include <ringmill/runtime/context.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/generator.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/lifetime.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {

rm::async_generator<int> count(int last, rm::duration pause = 0ms) {
  for (int i = 0; i < last; ++i) {
    co_await rm::sleep_for(pause);
    co_yield i;
  }
}

rm::async_generator<int> count_tracked(support::tracked) {
  for (int i = 0;; ++i) co_yield i;
}

rm::async_generator<std::unique_ptr<int>> boxes() {
  co_yield std::make_unique<int>(1);
  co_yield std::make_unique<int>(2);
}

rm::async_generator<int> fail_after_one() {
  co_yield 1;
  throw std::runtime_error("no more");
}

rm::async_generator<int> doubled(rm::async_generator<int> inner) {
  while (std::optional<int> value = co_await inner.next()) co_yield 2 * *value;
}

/// Looks at its surroundings when it dies.
class looks_around {
 public:
  explicit looks_around(std::optional<rm::time_point>& seen) : seen_(seen) {}
  ~looks_around() { seen_ = rm::current_deadline(); }

 private:
  std::optional<rm::time_point>& seen_;
};

rm::async_generator<int> look_around_at_the_end(std::optional<rm::time_point>& seen) {
  const looks_around here(seen);
  for (;;) co_yield 1;
}

}  // namespace

TEST_CASE("a generator gives its values in order, then nothing, as often as it is asked") {
  auto body = []() -> rm::task<> {
    rm::async_generator<int> numbers = count(3, 1ms);
    std::vector<int> seen;
    while (std::optional<int> number = co_await numbers.next()) seen.push_back(*number);
    CHECK(seen == std::vector<int>{0, 1, 2});
    const std::optional<int> after = co_await numbers.next();
    CHECK(!after);
  };
  run(body());
}

TEST_CASE("for_each takes callables that give nothing, and callables that give a task") {
  auto body = []() -> rm::task<> {
    int sum = 0;
    co_await count(4).for_each([&](int value) { sum += value; });
    CHECK(sum == 6);
    auto slow = [&](int value) -> rm::task<> {
      co_await rm::sleep_for(1ms);
      sum += value;
    };
    co_await count(4).for_each(slow);
    CHECK(sum == 12);
  };
  run(body());
}

TEST_CASE("an error of the body is thrown once, and then it has ended") {
  auto body = []() -> rm::task<> {
    rm::async_generator<int> numbers = fail_after_one();
    const std::optional<int> first = co_await numbers.next();
    CHECK(first == 1);
    CHECK_THROWS_WITH_AS(co_await numbers.next(), "no more", std::runtime_error);
    const std::optional<int> after = co_await numbers.next();
    CHECK(!after);
  };
  run(body());
}

TEST_CASE("values may be move-only, and generators may be made of generators") {
  auto body = []() -> rm::task<> {
    int sum = 0;
    co_await boxes().for_each([&](std::unique_ptr<int> box) { sum += *box; });
    CHECK(sum == 3);
    co_await doubled(count(3, 1ms)).for_each([&](int value) { sum += value; });
    CHECK(sum == 9);
  };
  run(body());
}

TEST_CASE("a generator that is destroyed at a co_yield, or never asked, releases all that is in it") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    {
      rm::async_generator<int> numbers = count_tracked(support::tracked(alive));
      const std::optional<int> first = co_await numbers.next();
      CHECK(first == 0);
      CHECK(alive == 1);
    }
    CHECK(alive == 0);
    {
      const rm::async_generator<int> unused = count_tracked(support::tracked(alive));
      CHECK(alive == 1);
    }
    CHECK(alive == 0);
  };
  run(body());
}

TEST_CASE("a cancel inside of next() cuts the body off, and asking again says so") {
  auto body = []() -> rm::task<> {
    rm::async_generator<int> numbers = count(3, 1h);
    CHECK_THROWS_AS(co_await rm::with_timeout(1ms, numbers.next()), rm::timeout_error);
    CHECK_THROWS_AS(co_await numbers.next(), std::logic_error);
  };
  run(body());
}

TEST_CASE("a consumer that is cancelled leaves a generator that can be destroyed") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    auto consume = [&]() -> rm::task<> {
      const support::tracked here(alive);
      rm::async_generator<int> numbers = count(3, 1h);
      co_await numbers.next();
    };
    CHECK_THROWS_AS(co_await rm::with_timeout(1ms, consume()), rm::timeout_error);
  };
  run(body());
  CHECK(alive == 0);
}

TEST_CASE("two consumers at a time are refused, even in the turn in which the first is woken") {
  auto body = []() -> rm::task<> {
    rm::async_generator<int> numbers = count(5, 1ms);
    int refused = 0;
    int values = 0;
    rm::nursery group = rm::nursery::supervising([&](std::exception_ptr) { ++refused; });
    auto consume = [&]() -> rm::task<> {
      const std::optional<int> value = co_await numbers.next();
      values += value.has_value();
    };
    co_await group.run([&]() -> rm::task<> {
      group.start(consume);
      group.start(consume);
      co_await rm::sleep_for(1ms);
      group.start(consume);
    });
    CHECK(values + refused == 3);
    CHECK(refused >= 1);
  };
  run(body());
}

TEST_CASE("nothing surrounds a generator between two next()") {
  std::optional<rm::time_point> seen = rm::time_point::max();
  auto body = [&]() -> rm::task<> {
    rm::async_generator<int> numbers = look_around_at_the_end(seen);
    co_await rm::with_timeout(1s, numbers.next());
  };
  run(body());
  CHECK(!seen);
}

TEST_CASE("a generator that never waits does not keep others from running") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    rm::async_generator<int> numbers = count_tracked(support::tracked(alive));
    bool other_ran = false;
    int taken = 0;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start([&]() -> rm::task<> {
        other_ran = true;
        co_return;
      });
      while (!other_ran && taken < 100'000) {
        co_await numbers.next();
        ++taken;
      }
    });
    CHECK(taken < 1000);
  };
  run(body());
}
