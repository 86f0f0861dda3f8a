// What belongs to a fiber's stack: exceptions that are handled, errno, registers and modes; its size, and its end.
#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <cfenv>
#include <csignal>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <ringmill/runtime/fiber.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/testing.hpp>

#include "../support/death.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

TEST_CASE("two fibers that wait in handlers rethrow their own exceptions") {
  auto body = []() -> rm::task<> {
    std::vector<std::string> seen;
    auto handle = [&](std::string name, std::chrono::milliseconds delay) {
      try {
        throw std::runtime_error(name);
      } catch (const std::runtime_error&) {
        rm::fiber_await(rm::sleep_for(delay));
        try {
          throw;
        } catch (const std::runtime_error& again) {
          seen.push_back(name + " " + again.what());
        }
      }
    };
    rm::nursery both;
    auto first = [&]() -> rm::task<> { co_await rm::fiber(handle, std::string("first"), 1ms); };
    auto second = [&]() -> rm::task<> { co_await rm::fiber(handle, std::string("second"), 2ms); };
    auto start = [&]() -> rm::task<> {
      both.start(first);
      both.start(second);
      co_return;
    };
    co_await both.run(start);
    CHECK(seen == std::vector<std::string>{"first first", "second second"});
    CHECK(std::current_exception() == nullptr);
  };
  run(body());
}

TEST_CASE("a fiber that waits in a destructor during unwinding leaves no trace of it in others") {
  support::seeded_case::without_harm();
  auto body = []() -> rm::task<> {
    int seen = -1;
    class waits {
     public:
      ~waits() { rm::fiber_await(rm::sleep_for(2ms)); }
    };
    auto unwinding = [] {
      try {
        const waits here;
        throw 1;
      } catch (int) {
      }
    };
    auto other = [&] {
      rm::fiber_await(rm::sleep_for(1ms));
      seen = std::uncaught_exceptions();
    };
    rm::nursery both;
    auto first = [&]() -> rm::task<> { co_await rm::fiber(unwinding); };
    auto second = [&]() -> rm::task<> { co_await rm::fiber(other); };
    auto start = [&]() -> rm::task<> {
      both.start(first);
      both.start(second);
      co_return;
    };
    co_await both.run(start);
    CHECK(seen == 0);
  };
  run(body());
}

TEST_CASE("each fiber has its own errno") {
  auto body = []() -> rm::task<> {
    rm::nursery both;
    std::vector<int> seen;
    auto keep = [&](int number) {
      errno = number;
      rm::fiber_await(rm::sleep_for(std::chrono::milliseconds(number)));
      seen.push_back(errno);
    };
    auto start = [&]() -> rm::task<> {
      both.start([&]() { return rm::fiber(keep, 11); });
      both.start([&]() { return rm::fiber(keep, 22); });
      co_return;
    };
    co_await both.run(start);
    CHECK(seen == std::vector{11, 22});
  };
  run(body());
}

TEST_CASE("each fiber has its own rounding mode, in both floating-point units") {
  // volatile, or the compiler divides before it runs.
  auto third = [] {
    volatile double one = 1, three = 3;
    return one / three;
  };
  auto long_third = [] {
    volatile long double one = 1, three = 3;
    return one / three;
  };
  const double nearest = third();
  const long double long_nearest = long_third();
  auto body = [&]() -> rm::task<> {
    rm::nursery both;
    std::vector<std::pair<double, long double>> seen;
    auto compute = [&](int mode) {
      std::fesetround(mode);
      rm::fiber_await(rm::sleep_for(1ms));
      seen.emplace_back(third(), long_third());
    };
    auto start = [&]() -> rm::task<> {
      both.start([&]() { return rm::fiber(compute, FE_UPWARD); });
      both.start([&]() { return rm::fiber(compute, FE_DOWNWARD); });
      co_await rm::yield();  // both have set theirs
      CHECK(std::fegetround() == FE_TONEAREST);
      CHECK(third() == nearest);
      CHECK(long_third() == long_nearest);
    };
    co_await both.run(start);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].first > seen[1].first);
    CHECK(seen[0].second > seen[1].second);
  };
  run(body());
  CHECK(std::fegetround() == FE_TONEAREST);
}

TEST_CASE("registers and local variables of a function outlive its waits") {
  auto sum_while_waiting = [](std::uint64_t seed) {
    // More values than there are registers, each used before and after.
    std::array<std::uint64_t, 24> whole;
    std::array<double, 24> real;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      whole[i] = seed * (i + 1);
      real[i] = static_cast<double>(seed) / static_cast<double>(i + 1);
    }
    for (int round = 0; round < 10; ++round) {
      rm::fiber_await(rm::yield());
      for (std::size_t i = 0; i < whole.size(); ++i) {
        whole[i] += i;
        real[i] += static_cast<double>(i);
      }
    }
    double sum = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) sum += static_cast<double>(whole[i]) + real[i];
    return sum;
  };
  auto expected = [](std::uint64_t seed) {
    double sum = 0;
    for (std::size_t i = 0; i < 24; ++i) {
      double real = static_cast<double>(seed) / static_cast<double>(i + 1);
      for (int round = 0; round < 10; ++round) real += static_cast<double>(i);
      sum += static_cast<double>(seed * (i + 1) + 10 * i) + real;
    }
    return sum;
  };
  auto body = [&]() -> rm::task<> {
    rm::nursery many;
    auto one = [&](std::uint64_t seed) -> rm::task<> {
      const double sum = co_await rm::fiber(sum_while_waiting, seed);
      CHECK(sum == expected(seed));
    };
    auto start = [&]() -> rm::task<> {
      for (std::uint64_t seed = 1; seed <= 20; ++seed) many.start(one, seed);
      co_return;
    };
    co_await many.run(start);
  };
  run(body());
}

TEST_CASE("a fiber may ask for a larger stack") {
  auto body = []() -> rm::task<> {
    auto use_much = [] {
      std::array<volatile char, 3 << 20> large{};
      large[100] = 1;
      rm::fiber_await(rm::yield());
      return static_cast<int>(large[100]);
    };
    CHECK(co_await rm::fiber(rm::stack_size(4 << 20), use_much) == 1);
  };
  run(body());
}

TEST_CASE("a stack that cannot be had is an error of the fiber") {
  auto body = []() -> rm::task<> {
    bool refused = false;
    auto call = [&]() -> rm::task<> { co_await rm::fiber(rm::stack_size(std::size_t{1} << 50), [] {}); };
    try {
      co_await call();
    } catch (const std::system_error& error) {
      refused = error.code() == std::errc::not_enough_memory;
    }
    CHECK(refused);
  };
  run(body());
}

namespace {
int overflow(int depth) {
  std::array<volatile char, 1024> frame{};
  frame[0] = static_cast<char>(depth);
  return depth == 0 ? 0 : overflow(depth - 1) + frame[0];
}
}  // namespace

TEST_CASE("a stack that overflows ends the program instead of writing into its neighbour") {
  const std::string end = support::output_of([] {
    signal(SIGSEGV, SIG_DFL);  // the test framework's handler would report a crash
    auto body = []() -> rm::task<> { co_await rm::fiber(overflow, 1 << 20); };
    run(body());
  });
  CHECK_FALSE(end.starts_with("it lived, and exited with 0"));
}
