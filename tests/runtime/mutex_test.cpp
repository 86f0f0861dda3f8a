// mutex
#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <ringmill/runtime/mutex.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/death.hpp"
#include "../support/probe.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

static_assert(rm::awaiter<rm::mutex::lock_awaiter>);
static_assert(std::is_nothrow_move_constructible_v<rm::mutex::guard> &&
              !std::is_copy_constructible_v<rm::mutex::guard>);

namespace {
using lock_probe = support::probe<rm::mutex::lock_awaiter>;
}  // namespace

TEST_CASE("a free mutex is locked without a suspension, and its guard unlocks it") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    const auto turns = rm::loop::current().statistics().turns;
    {
      const rm::mutex::guard held = co_await lock.lock();
      CHECK(held.owns_lock());
      CHECK(lock.is_locked());
    }
    CHECK_FALSE(lock.is_locked());
    rm::mutex::guard first = co_await lock.lock();
    rm::mutex::guard second = std::move(first);
    CHECK_FALSE(first.owns_lock());
    CHECK(second.owns_lock());
    second.unlock();
    second.unlock();  // nothing more
    CHECK_FALSE(lock.is_locked());
    CHECK(rm::loop::current().statistics().turns == turns);
  };
  run(body());
}

TEST_CASE("a mutex lets one in at a time, in order of arrival") {
  std::vector<int> order;
  int inside = 0;
  auto body = [&]() -> rm::task<> {
    rm::mutex lock;
    rm::nursery children;
    auto enter = [&](int number) -> rm::task<> {
      const rm::mutex::guard held = co_await lock.lock();
      CHECK(++inside == 1);
      order.push_back(number);
      co_await rm::sleep_for(1ms);
      --inside;
    };
    auto start = [&]() -> rm::task<> {
      for (int i = 0; i < 5; ++i) children.start(enter, i);
      co_return;
    };
    co_await children.run(start);
  };
  run(body());
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
}

TEST_CASE("an unlocked mutex belongs to the one that waited, nobody overtakes it") {
  std::vector<std::string> order;
  auto body = [&]() -> rm::task<> {
    rm::mutex lock;
    rm::nursery children;
    auto wait = [&]() -> rm::task<> {
      const rm::mutex::guard held = co_await lock.lock();
      order.emplace_back("waiter");
    };
    auto start = [&]() -> rm::task<> {
      rm::mutex::guard held = co_await lock.lock();
      children.start(wait);
      co_await rm::yield();
      held.unlock();
      CHECK(lock.is_locked());
      CHECK_FALSE(lock.try_lock().has_value());
      held = co_await lock.lock();
      order.emplace_back("again");
    };
    co_await children.run(start);
    CHECK_FALSE(lock.is_locked());
  };
  run(body());
  CHECK(order == std::vector<std::string>{"waiter", "again"});
}

TEST_CASE("try_lock gives a guard or nothing") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    {
      const auto held = lock.try_lock();
      CHECK(held.has_value());
      CHECK_FALSE(lock.try_lock().has_value());
    }
    CHECK(lock.try_lock().has_value());
    co_return;
  };
  run(body());
}

TEST_CASE("a task that was cancelled before it could wait for a mutex leaves no trace") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    rm::nursery children;
    bool entered = false;
    auto child = [&]() -> rm::task<> {
      children.cancel();
      const rm::mutex::guard held = co_await lock.lock();
      entered = true;
    };
    const rm::mutex::guard held = co_await lock.lock();
    auto start = [&]() -> rm::task<> {
      children.start(child);
      co_return;
    };
    co_await children.run(start);
    CHECK_FALSE(entered);
  };
  run(body());
}

TEST_CASE("a waiter that is cancelled leaves the queue, those behind it keep their order") {
  support::seeded_case::without_harm();
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    auto held = lock.try_lock();
    lock_probe first(lock.lock()), second(lock.lock()), third(lock.lock());
    second.cancel();
    CHECK_THROWS_AS(static_cast<void>(co_await rm::with_timeout(1ms, lock.lock())), rm::timeout_error);
    held->unlock();
    CHECK(first.is_granted());
    CHECK_FALSE(third.has_ended());
    first.result().unlock();
    CHECK(third.is_granted());
    third.result().unlock();
    CHECK_FALSE(lock.is_locked());
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a mutex that was handed over stays with its new owner when that one is cancelled in the same turn") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    rm::nursery children;
    bool entered = false;
    bool went_on = false;
    auto wait = [&]() -> rm::task<> {
      const rm::mutex::guard held = co_await lock.lock();
      entered = held.owns_lock();
      co_await rm::sleep_for(1ms);
      went_on = true;
    };
    auto start = [&]() -> rm::task<> {
      rm::mutex::guard held = co_await lock.lock();
      children.start(wait);
      co_await rm::yield();
      held.unlock();
      children.cancel();
    };
    co_await children.run(start);
    CHECK(entered);
    CHECK_FALSE(went_on);
    CHECK_FALSE(lock.is_locked());
  };
  run(body());
}

TEST_CASE("a task that locks a mutex twice is reported as a deadlock on that mutex") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    const rm::mutex::guard held = co_await lock.lock();
    const rm::mutex::guard again = co_await lock.lock();
  };
  try {
    run(body());
    FAIL("no deadlock was reported");
  } catch (const rm::deadlock_error& error) {
    CHECK(std::string(error.what()).find("a mutex 0x") != std::string::npos);
  }
}

TEST_CASE("a mutex that is destroyed while it is locked or waited for aborts with a message") {
  const std::string locked = support::death_of([] {
    auto lock = std::make_unique<rm::mutex>();
    const auto held = lock->try_lock();
    lock.reset();
  });
  CHECK(locked.find("a mutex was destroyed while it is locked") != std::string::npos);
  const std::string waited_for = support::death_of([] {
    auto body = []() -> rm::task<> {
      auto lock = std::make_unique<rm::mutex>();
      const auto held = lock->try_lock();
      const lock_probe waiting(lock->lock());
      lock.reset();
      co_return;
    };
    run(body());
  });
  CHECK(waited_for.find("a mutex was destroyed while tasks wait for it") != std::string::npos);
}

TEST_CASE("a mutex does what a queue does, for thousands of random operations") {
  support::seeded_case::without_harm();
  auto body = [](std::uint64_t seed) -> rm::task<> {
    std::mt19937 random(static_cast<unsigned>(seed));
    rm::mutex lock;
    std::vector<std::unique_ptr<lock_probe>> probes;
    std::deque<lock_probe*> queue;
    lock_probe* owner = nullptr;
    const auto promote = [&] {
      owner = queue.empty() ? nullptr : queue.front();
      if (owner) queue.pop_front();
    };
    for (int step = 0; step < 5000; ++step) {
      const auto pick = random() % 8;
      if (pick < 3) {
        probes.push_back(std::make_unique<lock_probe>(lock.lock()));
        queue.push_back(probes.back().get());
        if (!owner) promote();
      } else if (pick < 4 && !queue.empty()) {
        const auto at = queue.begin() + static_cast<std::ptrdiff_t>(random() % queue.size());
        (*at)->cancel();
        queue.erase(at);
      } else if (pick < 7 && owner) {
        owner->result().unlock();
        promote();
      } else {
        co_await rm::yield();
        std::erase_if(probes, [&](const auto& one) { return one.get() != owner && one->may_go(); });
      }
      REQUIRE(lock.is_locked() == (owner != nullptr));
      REQUIRE(lock.try_lock().has_value() == (owner == nullptr));
      if (owner) REQUIRE(owner->is_granted());
      for (const lock_probe* one : queue) REQUIRE_FALSE(one->has_ended());
    }
    while (owner) {
      owner->result().unlock();
      promote();
    }
    co_await rm::yield();
  };
  for (const auto seed : support::numbers_or_drawn(4)) run(body(seed));
}
