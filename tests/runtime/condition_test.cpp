// condition
#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/condition.hpp>
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

static_assert(rm::awaiter<rm::condition::wait_awaiter>);

namespace {
using wait_probe = support::probe<rm::condition::wait_awaiter>;
using lock_probe = support::probe<rm::mutex::lock_awaiter>;

/// A guard and the wait that it is lent to. Locks what is free.
class waiting {
 public:
  waiting(rm::mutex& lock, rm::condition& changed) : held(std::move(*lock.try_lock())), probe(changed.wait(held)) {}
  rm::mutex::guard held;
  wait_probe probe;
};
}  // namespace

TEST_CASE("a wait on a condition lets go of the mutex, and owns it again when it ends") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    rm::condition changed;
    rm::nursery children;
    bool ready = false;
    bool seen = false;
    auto wait = [&]() -> rm::task<> {
      rm::mutex::guard held = co_await lock.lock();
      while (!ready) co_await changed.wait(held);
      CHECK(held.owns_lock());
      seen = true;
    };
    auto start = [&]() -> rm::task<> {
      children.start(wait);
      co_await rm::sleep_for(1ms);
      rm::mutex::guard held = co_await lock.lock();
      ready = true;
      changed.notify_one();
      co_await rm::sleep_for(1ms);
      CHECK_FALSE(seen);  // the mutex is not free yet
    };
    co_await children.run(start);
    CHECK(seen);
    CHECK_FALSE(lock.is_locked());
  };
  run(body());
}

TEST_CASE("a wait for a predicate goes on when that is true, with the mutex") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    rm::condition changed;
    rm::nursery children;
    int level = 0;
    int asked = 0;
    auto wait = [&]() -> rm::task<> {
      rm::mutex::guard held = co_await lock.lock();
      co_await changed.wait(held, [&] { return ++asked, level >= 2; });
      CHECK(held.owns_lock());
      CHECK(level == 2);
      co_await changed.wait(held, [] { return true; });
    };
    auto start = [&]() -> rm::task<> {
      children.start(wait);
      for (; level < 2; ++level, changed.notify_all()) co_await rm::sleep_for(1ms);
    };
    co_await children.run(start);
    CHECK(asked == 3);
  };
  run(body());
}

TEST_CASE("notify_one ends the longest wait, notify_all those that wait now, and neither is kept") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    rm::condition changed;
    changed.notify_one();
    changed.notify_all();
    waiting first(lock, changed), second(lock, changed), third(lock, changed);
    CHECK_FALSE(first.held.owns_lock());
    changed.notify_one();
    CHECK(first.probe.is_granted());
    CHECK(first.held.owns_lock());
    CHECK_FALSE(second.probe.has_ended());
    changed.notify_all();
    CHECK_FALSE(second.probe.has_ended());
    first.held.unlock();
    CHECK(second.probe.is_granted());
    CHECK_FALSE(third.probe.has_ended());
    second.held.unlock();
    CHECK(third.probe.is_granted());
    third.held.unlock();
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a waiter that is cancelled owns the mutex again when its frame is destroyed") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    rm::condition changed;
    rm::nursery children;
    std::optional<bool> owned_at_the_end;
    class witness {
     public:
      witness(const rm::mutex::guard& held, std::optional<bool>& note) : held_(held), note_(note) {}
      witness(const witness&) = delete;
      ~witness() { note_ = held_.owns_lock(); }

     private:
      const rm::mutex::guard& held_;
      std::optional<bool>& note_;
    };
    auto wait = [&]() -> rm::task<> {
      rm::mutex::guard held = co_await lock.lock();
      const witness note(held, owned_at_the_end);
      co_await changed.wait(held, [] { return false; });
    };
    bool hold = false;
    auto start = [&]() -> rm::task<> {
      children.start(wait);
      co_await rm::sleep_for(1ms);
      CHECK_FALSE(lock.is_locked());
      if (!hold) {
        children.cancel();
        co_return;
      }
      const rm::mutex::guard held = co_await lock.lock();
      children.cancel();
      // The waiter may not be destroyed before it has the mutex, so it has to wait for this task's end.
      CHECK_FALSE(owned_at_the_end.has_value());
    };
    co_await children.run(start);
    CHECK(owned_at_the_end == true);
    CHECK_FALSE(lock.is_locked());
    owned_at_the_end.reset();
    hold = true;
    co_await children.run(start);
    CHECK(owned_at_the_end == true);
    CHECK_FALSE(lock.is_locked());
  };
  run(body());
}

TEST_CASE("a wait that timed out owns the mutex before the timeout is reported") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    rm::condition changed;
    rm::nursery children;
    auto keep_it = [&]() -> rm::task<> {
      const rm::mutex::guard held = co_await lock.lock();
      co_await rm::sleep_for(10ms);
    };
    auto start = [&]() -> rm::task<> {
      rm::mutex::guard held = co_await lock.lock();
      CHECK_THROWS_AS(co_await rm::with_timeout(1ms, changed.wait(held)), rm::timeout_error);
      CHECK(held.owns_lock());
      CHECK_THROWS_AS(co_await rm::with_timeout(0ms, changed.wait(held)), rm::timeout_error);
      CHECK(held.owns_lock());
      children.start(keep_it);
      const rm::time_point before = rm::loop::current().now();
      const bool notified = co_await rm::move_on_after(1ms, changed.wait(held, [] { return false; }));
      CHECK_FALSE(notified);
      CHECK(held.owns_lock());
      CHECK(rm::loop::current().now() - before == 10ms);
    };
    co_await children.run(start);
    CHECK_FALSE(lock.is_locked());
  };
  run(body());
}

TEST_CASE("a notification whose waiter was cancelled before it had the mutex goes to the next one") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    rm::condition changed;
    waiting first(lock, changed), second(lock, changed), third(lock, changed);
    auto held = lock.try_lock();
    changed.notify_one();
    first.probe.cancel();
    CHECK_FALSE(first.probe.has_ended());
    held->unlock();
    CHECK(first.probe.has_ended());
    CHECK_FALSE(first.probe.is_granted());
    CHECK(first.held.owns_lock());
    first.held.unlock();
    CHECK(second.probe.is_granted());
    second.held.unlock();
    CHECK_FALSE(third.probe.has_ended());
    CHECK_FALSE(lock.is_locked());
    third.probe.cancel();
    CHECK(third.probe.has_ended());
    CHECK(third.held.owns_lock());
    third.held.unlock();
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a waiter that was notified and has the mutex goes on, though it is cancelled in the same turn") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    rm::condition changed;
    rm::nursery children;
    bool went_on = false;
    auto wait = [&]() -> rm::task<> {
      rm::mutex::guard held = co_await lock.lock();
      co_await changed.wait(held);
      went_on = held.owns_lock();
    };
    auto start = [&]() -> rm::task<> {
      children.start(wait);
      co_await rm::sleep_for(1ms);
      changed.notify_one();
      children.cancel();
    };
    co_await children.run(start);
    CHECK(went_on);
    CHECK_FALSE(lock.is_locked());
  };
  run(body());
}

TEST_CASE("a task that was cancelled before it could wait for a condition keeps the mutex until its end") {
  auto body = []() -> rm::task<> {
    rm::mutex lock;
    rm::condition changed;
    rm::nursery children;
    auto child = [&]() -> rm::task<> {
      rm::mutex::guard held = co_await lock.lock();
      children.cancel();
      co_await changed.wait(held);
      FAIL("it went on");
    };
    co_await children.run(child);
    CHECK_FALSE(lock.is_locked());
  };
  run(body());
}

TEST_CASE("a wait with a guard that owns nothing is refused") {
  auto body = []() -> rm::task<> {
    rm::condition changed;
    rm::mutex::guard none;
    CHECK_THROWS_AS(co_await changed.wait(none), std::logic_error);
    CHECK_THROWS_AS(co_await rm::with_timeout(1ms, changed.wait(none)), std::logic_error);
  };
  run(body());
}

TEST_CASE("a condition that is destroyed while tasks wait for it aborts with a message") {
  const auto words = [](bool notified) {
    return support::death_of([=] {
      auto body = [=]() -> rm::task<> {
        rm::mutex lock;
        auto changed = std::make_unique<rm::condition>();
        const waiting one(lock, *changed);
        const auto held = lock.try_lock();
        if (notified) changed->notify_one();
        changed.reset();
        co_return;
      };
      run(body());
    });
  };
  CHECK(words(false).find("a condition was destroyed while tasks wait for it") != std::string::npos);
  CHECK(words(true).find("it must outlive its waiters") != std::string::npos);
}

TEST_CASE("a condition and its mutex do what two queues do, for thousands of random operations") {
  support::seeded_case::without_harm();
  // Each actor wants the mutex, has it, waits for the condition or queues for the mutex after that.
  struct actor {
    rm::mutex::guard held;
    std::optional<lock_probe> locking;
    std::optional<wait_probe> waiting;
    bool notified = false;   // by notify_one, and has not got the mutex
    bool cancelled = false;  // while it waited
    bool done = false;
  };
  auto body = [](std::uint64_t seed) -> rm::task<> {
    std::mt19937 random(static_cast<unsigned>(seed));
    rm::mutex lock;
    rm::condition changed;
    std::vector<std::unique_ptr<actor>> actors;
    std::deque<actor*> mutex_queue, condition_queue;
    actor* owner = nullptr;
    const auto enter = [&] {
      if (owner || mutex_queue.empty()) return;
      owner = mutex_queue.front();
      mutex_queue.pop_front();
      owner->notified = false;
      if (!owner->waiting) owner->held = owner->locking->result();
    };
    const auto leave_condition = [&](actor* one, bool notified) {
      std::erase(condition_queue, one);
      one->notified = notified;
      mutex_queue.push_back(one);
    };
    const auto release = [&] {
      owner->held.unlock();
      owner->done = true;
      owner = nullptr;
      enter();
    };
    for (int step = 0; step < 5000; ++step) {
      const auto pick = random() % 16;
      if (pick < 4) {
        actors.push_back(std::make_unique<actor>());
        actors.back()->locking.emplace(lock.lock());
        mutex_queue.push_back(actors.back().get());
      } else if (pick < 7 && owner && !owner->waiting) {
        actor* const one = owner;
        one->waiting.emplace(changed.wait(one->held));
        condition_queue.push_back(one);
        owner = nullptr;
      } else if (pick < 8 && !condition_queue.empty()) {
        changed.notify_one();
        leave_condition(condition_queue.front(), true);
      } else if (pick < 9 && !condition_queue.empty() && random() % 4 == 0) {
        changed.notify_all();
        while (!condition_queue.empty()) leave_condition(condition_queue.front(), false);
      } else if (pick < 10 && !condition_queue.empty()) {
        actor* const one = condition_queue[random() % condition_queue.size()];
        one->waiting->cancel();
        one->cancelled = true;
        leave_condition(one, false);
      } else if (pick < 11 && !mutex_queue.empty()) {
        actor* const one = mutex_queue[random() % mutex_queue.size()];
        if (!one->waiting) {
          one->locking->cancel();
          one->done = true;
          std::erase(mutex_queue, one);
        } else if (!one->cancelled) {
          one->waiting->cancel();
          one->cancelled = true;
          if (std::exchange(one->notified, false) && !condition_queue.empty()) {
            leave_condition(condition_queue.front(), true);
          }
        }
      } else if (pick < 15 && owner) {
        release();
      } else {
        co_await rm::yield();
        std::erase_if(actors, [](const auto& one) {
          return one->done && one->locking->may_go() && (!one->waiting || one->waiting->may_go());
        });
      }
      enter();
      REQUIRE(lock.is_locked() == (owner != nullptr));
      if (owner) {
        REQUIRE(owner->held.owns_lock());
        if (owner->waiting) REQUIRE(owner->waiting->is_granted() == !owner->cancelled);
      }
      for (const actor* one : mutex_queue) {
        REQUIRE_FALSE(one->held.owns_lock());
        REQUIRE_FALSE((one->waiting ? one->waiting->has_ended() : one->locking->has_ended()));
      }
      for (const actor* one : condition_queue) REQUIRE_FALSE(one->waiting->has_ended());
    }
    changed.notify_all();
    while (!condition_queue.empty()) leave_condition(condition_queue.front(), false);
    enter();
    while (owner) release();
    co_await rm::yield();
  };
  for (const auto seed : support::numbers_or_drawn(4)) run(body(seed));
}
