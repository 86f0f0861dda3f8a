#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/result.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/watch.hpp>

#include "../support/death.hpp"
#include "../support/probe.hpp"
#include "../support/run.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {
using changed_probe = support::probe<rm::watch<int>::observer::changed_awaiter>;
}  // namespace

TEST_CASE("an observer sees the latest value and skips those in between") {
  auto body = []() -> rm::task<> {
    rm::watch<int> level(0);
    std::vector<int> seen;
    auto follow = [&](rm::watch<int>::observer mine) -> rm::task<> {
      while (co_await mine.changed()) seen.push_back(mine.get());
    };
    rm::nursery children;
    auto change = [&]() -> rm::task<> {
      children.start(follow, level.observe());
      co_await rm::sleep_for(1ms);
      level.set(1);
      level.set(2);
      CHECK(level.get() == 2);
      co_await rm::sleep_for(1ms);
      level.set(3);
      co_await rm::sleep_for(1ms);
      level.set(4);
      level.close();
      level.close();
    };
    co_await children.run(change);
    CHECK(seen == std::vector<int>{2, 3, 4});
    CHECK(level.observers() == 0);
  };
  run(body());
}

TEST_CASE("the value that is there when an observer is made counts as seen, as does one that it has looked at") {
  auto body = []() -> rm::task<> {
    rm::watch<int> level(1);
    auto mine = level.observe();
    const std::optional<bool> first = co_await rm::move_on_after(1ms, mine.changed());
    CHECK_FALSE(first);
    level.set(1);  // a change, though an equal value
    const bool changed = co_await mine.changed();
    CHECK(changed);
    level.set(2);
    CHECK(mine.get() == 2);
    changed_probe waiting(mine.changed());
    CHECK_FALSE(waiting.has_ended());
    level.set(3);
    CHECK(waiting.is_granted());
    level.set(4);
    CHECK(waiting.result());
    CHECK(mine.get() == 4);
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("after its close a watch tells each observer of the last value, if that is new to it, and then of the end") {
  auto body = []() -> rm::task<> {
    rm::watch<int> level(0);
    auto behind = level.observe();
    level.set(1);
    auto up_to_date = level.observe();
    changed_probe waiting(up_to_date.changed());
    level.close();
    CHECK(level.is_closed());
    CHECK(waiting.is_granted());
    CHECK_FALSE(waiting.result());
    const bool last = co_await behind.changed();
    CHECK(last);
    CHECK(behind.get() == 1);
    const bool end = co_await behind.changed();
    CHECK_FALSE(end);
    CHECK_THROWS_AS(level.set(2), std::logic_error);
    CHECK(level.get() == 1);
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a wait for a change that is cancelled has seen nothing; several tasks may use one observer") {
  auto body = []() -> rm::task<> {
    rm::watch<int> level(0);
    auto mine = level.observe();
    changed_probe first(mine.changed()), second(mine.changed()), third(mine.changed());
    second.cancel();
    level.set(1);
    CHECK_FALSE(second.is_granted());
    CHECK(first.result());
    CHECK(third.result());
    {
      changed_probe waiting(mine.changed());
      waiting.cancel();
    }
    level.set(2);
    const bool changed = co_await mine.changed();
    CHECK(changed);
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a task that was cancelled before it could wait for a change is not queued") {
  auto body = []() -> rm::task<> {
    rm::watch<int> level(0);
    rm::nursery children;
    bool went_on = false;
    auto child = [&]() -> rm::task<> {
      auto mine = level.observe();
      children.cancel();
      co_await mine.changed();
      went_on = true;
    };
    co_await children.run(child);
    CHECK_FALSE(went_on);
    level.set(1);
  };
  run(body());
}

TEST_CASE("a change in the same turn as a cancel is told") {
  auto body = []() -> rm::task<> {
    rm::watch<int> level(0);
    rm::nursery children;
    int seen = 0;
    auto child = [&]() -> rm::task<> {
      auto mine = level.observe();
      const bool changed = co_await mine.changed();
      if (changed) seen = mine.get();
    };
    auto start = [&]() -> rm::task<> {
      children.start(child);
      co_await rm::yield();
      level.set(7);
      children.cancel();
    };
    co_await children.run(start);
    CHECK(seen == 7);
  };
  run(body());
}

TEST_CASE("a watch holds what can only be moved; an observer that was moved from is refused") {
  auto body = []() -> rm::task<> {
    rm::watch<std::unique_ptr<int>> owner(std::make_unique<int>(1));
    auto mine = owner.observe();
    owner.set(std::make_unique<int>(2));
    auto moved = std::move(mine);
    CHECK(owner.observers() == 1);
    const bool changed = co_await moved.changed();
    CHECK(changed);
    CHECK(*moved.get() == 2);
    CHECK_THROWS_AS(static_cast<void>(mine.get()), std::logic_error);
    const auto refused = co_await rm::as_result(mine.changed());
    CHECK_THROWS_AS(static_cast<void>(refused.value()), std::logic_error);
    mine = std::move(moved);
    CHECK(*mine.get() == 2);
  };
  run(body());
}

TEST_CASE("a watch destroyed before an observer, and an observer before its waiter, abort with a message") {
  const std::string early = support::death_of([] {
    auto level = std::make_unique<rm::watch<int>>(1);
    const auto mine = level->observe();
    level.reset();
  });
  support::contains(early, "a watch was destroyed before its observers: declare it in front of them");
  const std::string awaited = support::death_of([] {
    auto body = []() -> rm::task<> {
      rm::watch<int> level(1);
      auto mine = std::make_unique<rm::watch<int>::observer>(level.observe());
      changed_probe waiting(mine->changed());
      mine.reset();
      co_return;
    };
    run(body());
  });
  support::contains(awaited, "an observer was moved or destroyed while a task waits for it");
}
