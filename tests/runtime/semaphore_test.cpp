// semaphore; its basic hand-over is in combine_test.cpp, among the combinators that it is used with.
#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/semaphore.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/death.hpp"
#include "../support/probe.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {
using acquire_probe = support::probe<rm::semaphore::acquire_awaiter>;
}  // namespace

TEST_CASE("a permit holds as many as were asked for, and gives all of them back") {
  auto body = []() -> rm::task<> {
    rm::semaphore places(5);
    {
      rm::semaphore::permit three = co_await places.acquire(3);
      CHECK(three.count() == 3);
      CHECK(places.available() == 2);
      rm::semaphore::permit moved = std::move(three);
      CHECK(three.count() == 0);
      CHECK(moved.count() == 3);
      rm::semaphore::permit one = co_await places.acquire();
      CHECK(places.available() == 1);
      one = std::move(moved);
      CHECK(places.available() == 2);
      one.release();
      one.release();  // nothing more
      CHECK(places.available() == 5);
      one = co_await places.acquire(5);
      CHECK(places.available() == 0);
    }
    CHECK(places.available() == 5);
  };
  run(body());
}

TEST_CASE("acquiring no permit, or more than there are, is refused at the call") {
  rm::semaphore places(3);
  CHECK_THROWS_AS(static_cast<void>(places.acquire(0)), std::invalid_argument);
  CHECK_THROWS_WITH_AS(static_cast<void>(places.acquire(4)),
                       "semaphore::acquire(4): it has 3 permits, ask for one up to all of them", std::invalid_argument);
  CHECK(places.total() == 3);
  CHECK(places.available() == 3);
}

TEST_CASE("one that waits for many holds back those behind it that want fewer, newcomers too") {
  auto body = []() -> rm::task<> {
    rm::semaphore places(4);
    auto one = co_await places.acquire();
    auto two = co_await places.acquire(2);
    acquire_probe many(places.acquire(3)), few(places.acquire());
    CHECK(places.available() == 1);
    CHECK_FALSE(many.has_ended());
    CHECK_FALSE(few.has_ended());
    CHECK_THROWS_AS(co_await rm::with_timeout(1ms, places.acquire()), rm::timeout_error);
    one.release();
    CHECK(places.available() == 2);
    CHECK_FALSE(few.has_ended());
    two.release();
    CHECK(many.is_granted());
    CHECK(few.is_granted());
    CHECK(places.available() == 0);
    many.result().release();
    few.result().release();
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("when the head of the queue is cancelled those behind it go on") {
  auto body = []() -> rm::task<> {
    rm::semaphore places(4);
    auto held = co_await places.acquire(2);
    acquire_probe many(places.acquire(4)), first(places.acquire()), second(places.acquire()), third(places.acquire());
    many.cancel();
    CHECK(first.is_granted());
    CHECK(second.is_granted());
    CHECK_FALSE(third.has_ended());
    third.cancel();
    first.result().release();
    second.result().release();
    CHECK(places.available() == 2);
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a task that was cancelled before it could wait takes no permit") {
  auto body = []() -> rm::task<> {
    rm::semaphore places(1);
    auto held = co_await places.acquire();
    rm::nursery children;
    bool entered = false;
    auto child = [&]() -> rm::task<> {
      children.cancel();
      const auto permit = co_await places.acquire();
      entered = true;
    };
    co_await children.run(child);
    held.release();
    CHECK_FALSE(entered);
    CHECK(places.available() == 1);
  };
  run(body());
}

TEST_CASE("permits that were handed over are given back by their new owner, cancelled in the same turn") {
  auto body = []() -> rm::task<> {
    rm::semaphore places(3);
    rm::nursery children;
    bool entered = false;
    bool went_on = false;
    auto wait = [&]() -> rm::task<> {
      const auto permit = co_await places.acquire(2);
      entered = permit.count() == 2;
      co_await rm::sleep_for(1ms);
      went_on = true;
    };
    auto start = [&]() -> rm::task<> {
      auto all = co_await places.acquire(3);
      children.start(wait);
      co_await rm::yield();
      all.release();
      CHECK(places.available() == 1);
      children.cancel();
    };
    co_await children.run(start);
    CHECK(entered);
    CHECK_FALSE(went_on);
    CHECK(places.available() == 3);
  };
  run(body());
}

TEST_CASE("a semaphore that is destroyed before its permits aborts with a message") {
  const std::string words = support::death_of([] {
    auto body = []() -> rm::task<> {
      auto places = std::make_unique<rm::semaphore>(2);
      const auto permit = co_await places->acquire(2);
      places.reset();
    };
    run(body());
  });
  CHECK(words.find("a semaphore was destroyed before its permits") != std::string::npos);
}

TEST_CASE("a semaphore does what a queue and a counter do, for thousands of random operations") {
  support::seeded_case::without_harm();
  auto body = [](std::uint64_t seed) -> rm::task<> {
    struct request {
      request(rm::semaphore& places, std::size_t many) : count(many), probe(places.acquire(many)) {}
      std::size_t count;
      acquire_probe probe;
      bool done = false;  // released or cancelled
    };
    constexpr std::size_t total = 7;
    std::mt19937 random(static_cast<unsigned>(seed));
    rm::semaphore places(total);
    std::vector<std::unique_ptr<request>> requests;
    std::deque<request*> queue;
    std::vector<request*> owners;
    std::size_t available = total;
    const auto serve = [&] {
      while (!queue.empty() && queue.front()->count <= available) {
        available -= queue.front()->count;
        owners.push_back(queue.front());
        queue.pop_front();
      }
    };
    for (int step = 0; step < 5000; ++step) {
      const auto pick = random() % 8;
      if (pick < 3) {
        requests.push_back(std::make_unique<request>(places, 1 + random() % total));
        queue.push_back(requests.back().get());
      } else if (pick < 4 && !queue.empty()) {
        const auto at = queue.begin() + static_cast<std::ptrdiff_t>(random() % queue.size());
        (*at)->probe.cancel();
        (*at)->done = true;
        queue.erase(at);
      } else if (pick < 7 && !owners.empty()) {
        const auto at = owners.begin() + static_cast<std::ptrdiff_t>(random() % owners.size());
        (*at)->probe.result().release();
        (*at)->done = true;
        available += (*at)->count;
        owners.erase(at);
      } else {
        co_await rm::yield();
        std::erase_if(requests, [](const auto& one) { return one->done && one->probe.may_go(); });
      }
      serve();
      REQUIRE(places.available() == available);
      for (const request* one : owners) REQUIRE(one->probe.is_granted());
      for (const request* one : queue) REQUIRE_FALSE(one->probe.has_ended());
    }
    while (!owners.empty()) {
      owners.back()->probe.result().release();
      available += owners.back()->count;
      owners.pop_back();
      serve();
    }
    co_await rm::yield();
  };
  for (const auto seed : support::numbers_or_drawn(4)) run(body(seed));
}
