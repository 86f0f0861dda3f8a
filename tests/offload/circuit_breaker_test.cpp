// A function that kills workers whatever its arguments is not run for a while: the rules at points in time, and a pool
// that follows them.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <ringmill/offload/detail/circuit_breaker.hpp>
#include <ringmill/offload/map.hpp>
#include <ringmill/offload/stream.hpp>

#include "../support/scratch.hpp"
#include "pool_support.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using rm::detail::circuit_breaker;
using support::on_each_pool_kernel;
using verdict = rm::detail::circuit_breaker::verdict;

namespace of_breaker {

/// Crashes for negative numbers.
int crash_below_zero(int number) {
  if (number < 0) raise(SIGABRT);
  return number;
}
int throw_or_crash(int number) {
  if (number < 0) raise(SIGABRT);
  throw std::out_of_range("never");
}
int another(int number) { return number; }
int wait_and_crash(int number) {
  if (number < 0) std::this_thread::sleep_for(1h);
  std::this_thread::sleep_for(50ms);
  raise(SIGABRT);
  return number;
}
std::vector<int> numbers_up_to(int last) {
  if (last < 0) raise(SIGABRT);
  std::vector<int> all;
  for (int i = 1; i <= last; ++i) all.push_back(i);
  return all;
}

namespace {

const rm::time_point start{};
const rm::worker_crashed death(1, SIGABRT);
constexpr rm::detail::function_id function = 1;
constexpr rm::detail::function_id other = 2;

TEST_CASE("a breaker opens with the last of so many deaths within its window, for that function alone") {
  circuit_breaker breaker(3, 10s, 30s);
  CHECK(breaker.judge(function, start) == verdict::run);
  breaker.worker_died(function, start, death);
  breaker.worker_died(function, start + 9s, death);
  breaker.worker_died(function, start + 11s, death);  // the first is too long ago
  CHECK(breaker.judge(function, start + 11s) == verdict::run);
  CHECK_FALSE(breaker.is_open(function));
  breaker.worker_died(function, start + 12s, death);
  CHECK(breaker.is_open(function));
  CHECK(breaker.judge(function, start + 12s) == verdict::refuse);
  CHECK(breaker.refusal(function, start + 15s).retry_after() == 27s);
  CHECK(breaker.judge(other, start + 12s) == verdict::run);
}

TEST_CASE("after its pause one call is tried, and what becomes of it decides") {
  circuit_breaker breaker(1, 10s, 30s);
  breaker.worker_died(function, start, death);
  CHECK(breaker.judge(function, start + 29s) == verdict::refuse);
  CHECK(breaker.judge(function, start + 30s) == verdict::probe);
  CHECK(breaker.judge(function, start + 31s) == verdict::refuse);
  CHECK(breaker.refusal(function, start + 31s).retry_after() == 0s);
  SUBCASE("it crashes: the pause begins again") {
    breaker.worker_died(function, start + 32s, death);
    CHECK(breaker.judge(function, start + 61s) == verdict::refuse);
    CHECK(breaker.judge(function, start + 62s) == verdict::probe);
  }
  SUBCASE("it comes back: all is forgotten") {
    breaker.probe_came_back(function);
    CHECK(breaker.judge(function, start + 31s) == verdict::run);
    CHECK_FALSE(breaker.is_open(function));
  }
  SUBCASE("it ends otherwise: the next call is tried") {
    breaker.probe_was_lost(function);
    CHECK(breaker.judge(function, start + 31s) == verdict::probe);
  }
}

rm::pool_options breaking(std::size_t deaths, rm::duration pause) {
  return rm::pool_options().workers(1).niceness(0).circuit_breaker(deaths, 60s, pause);
}

template <auto Function>
rm::task<std::string> outcome_of(rm::process_pool& pool, int number, rm::call_options how = rm::call_options()) {
  try {
    const int value = co_await pool.run<Function>(how, number);
    co_return std::to_string(value);
  } catch (const rm::worker_crashed&) {
    co_return "crashed";
  } catch (const rm::circuit_open& error) {
    CHECK(error.last_death().signal() == SIGABRT);
    CHECK(std::string(error.what()).find("not run, since its function was at the death of") == 0);
    co_return "refused";
  } catch (const std::out_of_range&) {
    co_return "thrown";
  }
}

TEST_CASE(
    "a pool refuses a function that has killed its workers with other arguments each time, and no other function") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(breaking(3, 60s));
    std::vector<std::string> outcomes;
    for (const int number : {-1, 1, -2, -3, 4, -5})
      outcomes.push_back(co_await outcome_of<&crash_below_zero>(pool, number));
    CHECK(outcomes == std::vector<std::string>{"crashed", "1", "crashed", "crashed", "refused", "refused"});
    const int elsewhere = co_await pool.run<&another>(7);
    CHECK(elsewhere == 7);
    CHECK_THROWS_AS(co_await pool.run<&crash_below_zero>(8), rm::pool_unavailable);
    CHECK(pool.stats()[rm::task_outcome::pool_unavailable] == 3);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("without the option a function may kill as many workers as it likes") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1).niceness(0));
    for (int number = -6; number < 0; ++number) {
      const std::string outcome = co_await outcome_of<&crash_below_zero>(pool, number);
      CHECK(outcome == "crashed");
    }
  });
}

TEST_CASE("a value or an error of the one call that is tried closes the breaker again, a crash does not") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(breaking(1, 20ms));
    for (const int good : {1, 2}) {
      const std::string crash = co_await outcome_of<&crash_below_zero>(pool, -1 - good);
      CHECK(crash == "crashed");
      co_await rm::sleep_for(20ms);
      const std::string probe = co_await outcome_of<&crash_below_zero>(pool, -10 - good);
      CHECK(probe == "crashed");
      co_await rm::sleep_for(20ms);
      const std::string again = co_await outcome_of<&crash_below_zero>(pool, good);
      CHECK(again == std::to_string(good));
      const std::string then = co_await outcome_of<&crash_below_zero>(pool, 5);
      CHECK(then == "5");
    }
    const std::string crash = co_await outcome_of<&throw_or_crash>(pool, -1);
    CHECK(crash == "crashed");
    co_await rm::sleep_for(20ms);
    for (int i = 0; i < 2; ++i) {
      const std::string thrown = co_await outcome_of<&throw_or_crash>(pool, 1);
      CHECK(thrown == "thrown");
    }
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("calls that wait when the breaker opens are refused, and so is a second try") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(breaking(1, 60s));
    std::vector<std::string> outcomes(3);
    rm::nursery calls;
    co_await calls.run([&]() -> rm::task<> {
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        calls.start(
            [](rm::process_pool& on, int number, std::string& into) -> rm::task<> {
              into = co_await outcome_of<&wait_and_crash>(on, number, rm::call_options().idempotent(3));
            },
            std::ref(pool), static_cast<int>(i), std::ref(outcomes[i]));
      }
      co_return;
    });
    CHECK(outcomes == std::vector<std::string>{"crashed", "refused", "refused"});
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("a call that is tried and cancelled leaves the next one to be tried") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(breaking(1, 1ms));
    const std::string crash = co_await outcome_of<&wait_and_crash>(pool, 1);
    CHECK(crash == "crashed");
    co_await rm::sleep_for(1ms);
    const bool ended = (co_await rm::move_on_after(5ms, pool.run<&wait_and_crash>(-1))).has_value();
    CHECK_FALSE(ended);
    const std::string tried = co_await outcome_of<&wait_and_crash>(pool, 2);
    CHECK(tried == "crashed");
  });
}

TEST_CASE("a map finds the one call that crashes, and the others are not refused for its sake") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(breaking(2, 60s));
    std::vector<int> numbers(2000);
    for (int i = 0; i < 2000; ++i) numbers[static_cast<std::size_t>(i)] = i == 1234 ? -1 : i;
    int crashed = 0;
    int right = 0;
    co_await pool.map_each<&crash_below_zero>(numbers, [&](rm::completion<int> done) {
      if (done.outcome()) {
        ++right;
      } else {
        ++crashed;
      }
    });
    CHECK(crashed == 1);
    CHECK(right == 1999);
  });
}

TEST_CASE("a stream whose first batch crashes counts, and another that is read goes on") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(breaking(1, 60s).workers(2));
    auto good = pool.run_stream<&numbers_up_to>(1000);
    std::optional<int> first = co_await good.next();
    CHECK(first == 1);
    auto bad = pool.run_stream<&numbers_up_to>(-1);
    CHECK_THROWS_AS(co_await bad.next(), rm::worker_crashed);
    auto refused = pool.run_stream<&numbers_up_to>(1);
    CHECK_THROWS_AS(co_await refused.next(), rm::circuit_open);
    int count = 1;
    while (std::optional<int> next = co_await good.next()) ++count;
    CHECK(count == 1000);
  });
}

}  // namespace

}  // namespace of_breaker
