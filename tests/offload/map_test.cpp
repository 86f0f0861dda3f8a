// One function over a range.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <ringmill/offload/map.hpp>

#include "pool_support.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_pool_kernel;

namespace of_map {

std::int64_t square(int n) { return std::int64_t{n} * n; }
int slow_if_even(int n) {
  if (n % 2 == 0) std::this_thread::sleep_for(2ms);
  return n;
}
std::size_t length(std::string_view text) { return text.size(); }
int add(int a, int b) { return a + b; }
int refuse_odd(int n) {
  if (n % 2 != 0) throw std::out_of_range("odd: " + std::to_string(n));
  return n;
}
int crash_at_77(int n) {
  if (n == 77) raise(SIGABRT);
  return n;
}
int hang_at_50(int n) {
  while (n == 50) std::this_thread::sleep_for(1s);
  return n;
}
void nothing(int) {}

namespace {
rm::pool_options two_workers() { return rm::pool_options().workers(2); }
std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}
}  // namespace

TEST_CASE("map gives a hundred thousand results in order, in far fewer tasks") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    const std::vector<int> in = numbers(100'000);
    const std::vector<std::int64_t> out = co_await pool.map<&square>(in);
    REQUIRE(out.size() == in.size());
    bool right = true;
    for (std::size_t i = 0; i < in.size(); ++i) right = right && out[i] == std::int64_t{in[i]} * in[i];
    CHECK(right);
    CHECK(pool.stats().submitted < 2000);
    CHECK(pool.stats().submitted > 10);
  });
}

TEST_CASE("map takes views of elements that stay, tuples of arguments, ranges made on the way, and nothing at all") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    const std::vector<std::string> words = {"a", "bc", "def", std::string(50'000, 'x')};
    const std::vector<std::size_t> lengths = co_await pool.map<&length>(words);
    CHECK(lengths == std::vector<std::size_t>{1, 2, 3, 50'000});
    const std::vector<std::tuple<int, int>> pairs = {{1, 2}, {3, 4}};
    const std::vector<int> sums = co_await pool.map<&add>(pairs);
    CHECK(sums == std::vector<int>{3, 7});
    const std::vector<std::int64_t> squares = co_await pool.map<&square>(std::views::iota(0, 5));
    CHECK(squares == std::vector<std::int64_t>{0, 1, 4, 9, 16});
    const std::vector<std::int64_t> none = co_await pool.map<&square>(std::vector<int>());
    CHECK(none.empty());
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("as they come, each result is there once, and fast ones do not wait for slow ones") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    std::vector<std::size_t> order;
    co_await pool.map_each<&slow_if_even>(
        numbers(40), [&](rm::completion<int> done) { order.push_back(done.index()); },
        rm::map_options().as_completed());
    CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
    CHECK(std::set<std::size_t>(order.begin(), order.end()).size() == 40);
  });
}

TEST_CASE("what one call throws is its own, and map itself throws it") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    int values = 0;
    int errors = 0;
    co_await pool.map_each<&refuse_odd>(numbers(1000),
                                        [&](rm::completion<int> done) { done.outcome() ? ++values : ++errors; });
    CHECK(values == 500);
    CHECK(errors == 500);
    CHECK_THROWS_WITH_AS(co_await pool.map<&refuse_odd>(numbers(1000)), "odd: 1", std::out_of_range);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("a call that crashes is found in its chunk, and all others have their results") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    co_await pool.map<&crash_at_77>(std::views::iota(1000, 3000));
    int right = 0;
    std::vector<std::size_t> crashed;
    co_await pool.map_each<&crash_at_77>(numbers(500), [&](rm::completion<int> done) {
      if (done.outcome()) {
        if (done.outcome().value() == static_cast<int>(done.index())) ++right;
        return;
      }
      try {
        static_cast<void>(done.outcome().value());
      } catch (const rm::worker_crashed& error) {
        if (error.signal() == SIGABRT) crashed.push_back(done.index());
      }
    });
    CHECK(right == 499);
    CHECK(crashed == std::vector<std::size_t>{77});
    CHECK(pool.stats().crashes.at(SIGABRT) < 12);
    CHECK(support::adds_up(pool.stats()));
  });
}

// That it is the only one that is late, tests/sim/pool_pace_test.cpp shows: here any call may wait longer than that for
// a processor.
TEST_CASE("a call that hangs is found in its chunk by the run_timeout, and each call has one outcome") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    std::set<std::size_t> right;
    std::set<std::size_t> late;
    std::size_t outcomes = 0;
    const auto options = rm::map_options().call(rm::call_options().run_timeout(30ms));
    co_await pool.map_each<&hang_at_50>(
        numbers(300),
        [&](rm::completion<int> done) {
          ++outcomes;
          try {
            const int value = done.outcome().value();
            if (value == static_cast<int>(done.index())) right.insert(done.index());
          } catch (const rm::deadline_exceeded&) {
            late.insert(done.index());
          }
        },
        options);
    CHECK(outcomes == 300);
    CHECK(right.size() + late.size() == 300);
    CHECK(late.contains(50));
  });
}

TEST_CASE("an endless range is read no further than the window, and a cancel ends it") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    int furthest = 0;
    std::size_t used = 0;
    auto endless = std::views::iota(0) | std::views::transform([&](int n) {
                     furthest = n;
                     return n;
                   });
    rm::event enough;
    const auto use = [&](rm::completion<std::int64_t>) -> rm::task<> {
      if (++used == 20) enough.set();
      co_await rm::sleep_for(1ms);
    };
    rm::nursery side;
    co_await side.run([&]() -> rm::task<> {
      side.start([&]() -> rm::task<> { return pool.map_each<&square>(endless, use, rm::map_options().window(10)); });
      co_await enough.wait();
      side.cancel();
    });
    CHECK(used >= 20);
    CHECK(static_cast<std::size_t>(furthest) <= used + 11);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("a function without a result can be mapped too, and at_most_once makes every chunk one call") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    int done_ones = 0;
    co_await pool.map_each<&nothing>(
        numbers(100), [&](rm::completion<void> done) { done_ones += done.outcome() ? 1 : 0; },
        rm::map_options().call(rm::call_options().at_most_once()));
    CHECK(done_ones == 100);
    CHECK(pool.stats().submitted == 100);
  });
}

}  // namespace of_map
