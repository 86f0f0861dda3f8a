// retry.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/retry.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/delayed.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;
using namespace support;

namespace {

/// Fails so many times, then gives how often it was called; notes when.
class flaky {
 public:
  explicit flaky(int failures) : failures_(failures) {}
  rm::task<int> call() {
    times.push_back(rm::loop::current().now());
    co_await rm::yield();
    const int count = static_cast<int>(times.size());
    if (count <= failures_) throw std::runtime_error("failure " + std::to_string(count));
    co_return count;
  }
  std::vector<rm::duration> gaps() const {
    std::vector<rm::duration> all;
    for (std::size_t i = 1; i < times.size(); ++i) all.push_back(times[i] - times[i - 1]);
    return all;
  }
  std::vector<rm::time_point> times;

 private:
  int failures_;
};

rm::task<int> call(flaky* what) { return what->call(); }

std::vector<rm::duration> gaps_of(const rm::retry_policy& policy, int failures) {
  flaky service(failures);
  auto body = [&]() -> rm::task<> {
    const int count = co_await rm::retry(policy, call, &service);
    CHECK(count == failures + 1);
  };
  run(body());
  return service.gaps();
}

}  // namespace

TEST_CASE("a call that fails is repeated after growing delays, up to the largest") {
  const auto policy = rm::retry_policy().attempts(6).first_delay(10ms).factor(3).largest_delay(100ms);
  CHECK(gaps_of(policy, 0).empty());
  CHECK(gaps_of(policy, 5) == std::vector<rm::duration>{10ms, 30ms, 90ms, 100ms, 100ms});
}

TEST_CASE("when there are no attempts left the last error is thrown") {
  flaky service(100);
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_WITH_AS(co_await rm::retry(rm::retry_policy().attempts(4), call, &service), "failure 4",
                         std::runtime_error);
    CHECK(service.times.size() == 4);
    CHECK_THROWS_WITH_AS(co_await rm::retry(rm::retry_policy().attempts(1), call, &service), "failure 5",
                         std::runtime_error);
  };
  run(body());
}

TEST_CASE("an error that the policy does not retry is thrown at once") {
  flaky service(100);
  const auto policy = rm::retry_policy().attempts(10).retry_if([](const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& known) {
      return std::string(known.what()) != "failure 2";
    }
  });
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_WITH_AS(co_await rm::retry(policy, call, &service), "failure 2", std::runtime_error);
  };
  run(body());
  CHECK(service.times.size() == 2);
}

TEST_CASE("jitter stays within its part of the delay and is the same for the same seed") {
  const auto policy = rm::retry_policy().attempts(50).first_delay(100ms).factor(1).jitter(0.25);
  const auto seeded = rm::retry_policy(policy).seed(7);
  const std::vector<rm::duration> gaps = gaps_of(seeded, 49);
  CHECK(gaps == gaps_of(seeded, 49));
  CHECK(gaps != gaps_of(rm::retry_policy(policy).seed(8), 49));
  bool shorter = false;
  bool longer = false;
  for (const rm::duration gap : gaps_of(policy, 49)) {
    CHECK(gap >= 75ms);
    CHECK(gap <= 125ms);
    (gap < 100ms ? shorter : longer) = true;
  }
  CHECK(shorter);
  CHECK(longer);
}

TEST_CASE("without a seed the jitter is the driver's: on a virtual clock the same in each run, and not in each retry") {
  support::seeded_case::not_by_seeds();
  const auto policy = rm::retry_policy().attempts(20).first_delay(100ms).factor(1).jitter(0.25);
  CHECK(gaps_of(policy, 19) == gaps_of(policy, 19));
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  const auto body = [&]() -> rm::task<> {
    first = rm::loop::current().below().random();
    second = rm::loop::current().below().random();
    co_return;
  };
  run(body());
  CHECK(first != second);
}

TEST_CASE("delays do not overflow") {
  const auto policy = rm::retry_policy().attempts(200).first_delay(1ms).factor(1e9).largest_delay(rm::duration(1h));
  CHECK(gaps_of(policy, 100).back() == 1h);
  CHECK(gaps_of(rm::retry_policy().attempts(3).first_delay(-1ms), 2) == std::vector<rm::duration>{0ms, 0ms});
}

TEST_CASE("a cancel ends a retry at once, in a call as in a delay") {
  flaky service(100);
  auto body = [&]() -> rm::task<> {
    const auto policy = rm::retry_policy().attempts(100).first_delay(1h);
    const rm::time_point start = rm::loop::current().now();
    CHECK_THROWS_AS(co_await rm::with_timeout(5ms, rm::retry(policy, call, &service)), rm::timeout_error);
    CHECK(rm::loop::current().now() - start == 5ms);
    CHECK(service.times.size() == 1);
    int alive = 0;
    CHECK_THROWS_AS(co_await rm::with_timeout(5ms, rm::retry(policy, sleep_tracked, std::ref(alive))),
                    rm::timeout_error);
    CHECK(alive == 0);
  };
  run(body());
}

TEST_CASE("what gives nothing can be repeated too, and is no task by need") {
  auto body = []() -> rm::task<> {
    int calls = 0;
    auto nothing = [&]() -> rm::task<> {
      if (++calls < 3) throw std::runtime_error("again");
      co_return;
    };
    co_await rm::retry(rm::retry_policy(), nothing);
    CHECK(calls == 3);
    auto sleep = [] { return rm::sleep_for(1ms); };
    co_await rm::retry(rm::retry_policy(), sleep);
  };
  run(body());
}

TEST_CASE("a policy that makes no sense is refused") {
  rm::retry_policy policy;
  CHECK_THROWS_AS(policy.attempts(0), std::invalid_argument);
  CHECK_THROWS_AS(policy.factor(0.5), std::invalid_argument);
  CHECK_THROWS_AS(policy.jitter(1.5), std::invalid_argument);
  CHECK_THROWS_AS(policy.jitter(-0.1), std::invalid_argument);
}
