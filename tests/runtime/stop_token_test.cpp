// with_stop_token and with_stop_source.
#include <doctest/doctest.h>

#include <memory>
#include <stop_token>
#include <thread>

#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/stop_token.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/delayed.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;
using namespace support;

TEST_CASE("what ends before a stop is requested gives its value or error") {
  auto body = []() -> rm::task<> {
    std::stop_source source;
    const std::optional<int> value = co_await rm::with_stop_token(source.get_token(), value_after(1ms, 3));
    CHECK(value == 3);
    CHECK_THROWS_AS(co_await rm::with_stop_token(source.get_token(), fail_after(1ms, "x")), std::runtime_error);
    const bool slept = co_await rm::with_stop_token(std::stop_token(), rm::sleep_for(1ms));
    CHECK(slept);
    source.request_stop();  // nobody is there any more
    co_await rm::sleep_for(1ms);
  };
  run(body());
}

TEST_CASE("a stop that was requested before lets only that complete which does not suspend") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    std::stop_source source;
    source.request_stop();
    const std::optional<int> at_once = co_await rm::with_stop_token(source.get_token(), value_at_once(1));
    CHECK(at_once == 1);
    const std::optional<int> none = co_await rm::with_stop_token(source.get_token(), sleep_tracked(alive));
    CHECK_FALSE(none.has_value());
    CHECK(alive == 0);
  };
  run(body());
}

TEST_CASE("a stop that is requested on the loop's own thread cuts it off") {
  support::seeded_case::without_harm();
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    std::stop_source source;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start([&]() -> rm::task<> {
        const std::optional<int> none = co_await rm::with_stop_token(source.get_token(), sleep_tracked(alive));
        CHECK_FALSE(none.has_value());
        CHECK(alive == 0);
      });
      co_await rm::sleep_for(1ms);
      CHECK(alive == 1);
      source.request_stop();
      CHECK(alive == 1);
    });
  };
  run(body());
}

TEST_CASE("a stop from another thread cuts off what waits for nothing else, and that is no deadlock") {
  auto body = []() -> rm::task<> {
    rm::event never;
    std::stop_source source;
    const std::jthread other([&] { source.request_stop(); });
    const bool completed = co_await rm::with_stop_token(source.get_token(), never.wait());
    CHECK_FALSE(completed);
  };
  run(body());
}

TEST_CASE("stops that race with the end of what they would cut off do no harm") {
  auto body = []() -> rm::task<> {
    for (int i = 0; i < 300; ++i) {
      std::stop_source source;
      const std::jthread other([&] { source.request_stop(); });
      (void)co_await rm::with_stop_token(source.get_token(), rm::yield());
      (void)co_await rm::with_stop_token(source.get_token(), value_after(1ms, 1));
    }
  };
  run(body());
}

TEST_CASE("once it has ended a token that nobody will use keeps no loop from seeing a deadlock") {
  auto body = []() -> rm::task<> {
    std::stop_source source;
    (void)co_await rm::with_stop_token(source.get_token(), rm::sleep_for(1ms));
    rm::event never;
    co_await never.wait();
  };
  CHECK_THROWS_AS(run(body()), rm::deadlock_error);
}

TEST_CASE("with_stop_source passes token and arguments on, and gives the task's value or error") {
  auto body = []() -> rm::task<> {
    auto add = [](std::stop_token token, std::unique_ptr<int> one, int two) -> rm::task<int> {
      co_await rm::sleep_for(1ms);
      if (token.stop_requested()) throw std::runtime_error("stopped");
      co_return *one + two;
    };
    const int sum = co_await rm::with_stop_source(add, std::make_unique<int>(1), 2);
    CHECK(sum == 3);
    auto fail = [](std::stop_token) -> rm::task<> {
      co_await rm::yield();
      throw std::runtime_error("own error");
    };
    CHECK_THROWS_WITH_AS(co_await rm::with_stop_source(fail), "own error", std::runtime_error);
  };
  run(body());
}

TEST_CASE("a cancel requests a stop of the token before the task is unwound") {
  std::string order;
  class at_end {
   public:
    explicit at_end(std::string& text) : text_(text) {}
    ~at_end() { text_ += "unwound "; }

   private:
    std::string& text_;
  };
  auto legacy = [&](std::stop_token token) -> rm::task<> {
    const at_end note(order);
    const std::stop_callback heard(token, [&] { order += "heard "; });
    co_await rm::sleep_for(1h);
  };
  auto body = [&]() -> rm::task<> {
    CHECK_THROWS_AS(co_await rm::with_timeout(1ms, rm::with_stop_source(legacy)), rm::timeout_error);
    order += "over";
  };
  run(body());
  CHECK(order == "heard unwound over");
}

TEST_CASE("a task that waits for its thread, shielded, ends because its token tells that one") {
  auto work = [](std::stop_token token) -> rm::task<int> {
    rm::event done;
    rm::loop& here = rm::loop::current();
    const rm::loop::expected_post expected(here);
    const std::jthread thread([&, token] {
      while (!token.stop_requested()) std::this_thread::yield();
      here.post([&] { done.set(); });
    });
    co_await rm::shield(done.wait());
    co_return 9;
  };
  auto body = [&]() -> rm::task<> {
    const int value = co_await rm::with_timeout(1ms, rm::with_stop_source(work));
    CHECK(value == 9);
  };
  run(body());
}
