#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/generator.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/lifetime.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {
rm::task<int> answer() { co_return 42; }
rm::task<int> add_one(int depth) {
  if (depth == 0) co_return 0;
  const int below = co_await add_one(depth - 1);
  co_return below + 1;
}
rm::task<> fail(std::string what) {
  co_await rm::sleep_for(1ms);
  throw std::runtime_error(what);
}
}  // namespace

TEST_CASE("run gives the value of its task") { CHECK(run(answer()) == 42); }

TEST_CASE("run throws the error of its task with its own type") {
  CHECK_THROWS_WITH_AS(run(fail("broken")), "broken", std::runtime_error);
}

TEST_CASE("a task gives move-only values and references") {
  int shared = 1;
  auto body = [&]() -> rm::task<int> {
    auto owner = []() -> rm::task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    auto refer = [&]() -> rm::task<int&> { co_return shared; };
    const std::unique_ptr<int> owned = co_await owner();
    int& reference = co_await refer();
    reference = 5;
    co_return *owned;
  };
  CHECK(run(body()) == 7);
  CHECK(shared == 5);
}

TEST_CASE("a task that is never awaited is destroyed without running") {
  bool ran = false;
  int alive = 0;
  {
    auto body = [](bool& flag, support::tracked) -> rm::task<> {
      flag = true;
      co_return;
    };
    rm::task<> unused = body(ran, support::tracked(alive));
    CHECK(alive == 1);
  }
  CHECK(alive == 0);
  CHECK_FALSE(ran);
}

TEST_CASE("awaiting a task that was moved from throws logic_error") {
  auto body = []() -> rm::task<> {
    rm::task<int> first = answer();
    rm::task<int> second = std::move(first);
    CHECK_THROWS_AS(co_await std::move(first), std::logic_error);
    const int value = co_await std::move(second);
    CHECK(value == 42);
  };
  run(body());
}

TEST_CASE("run inside run throws and names the cure") {
  auto body = []() -> rm::task<> {
    CHECK_THROWS_AS(run(answer()), std::logic_error);
    co_return;
  };
  run(body());
}

TEST_CASE("a million awaits that complete without suspending use bounded stack") {
  auto body = []() -> rm::task<int> {
    int sum = 0;
    for (int i = 0; i < 1'000'000; ++i) sum += co_await answer() - 41;
    co_return sum;
  };
  CHECK(run(body()) == 1'000'000);
}

TEST_CASE("a chain of a hundred thousand awaiting tasks uses bounded stack") {
  CHECK(run(add_one(100'000)) == 100'000);
}

TEST_CASE("cancelling a chain of a hundred thousand suspended tasks uses bounded stack and destroys every frame") {
  int alive = 0;
  struct chain {
    static rm::task<> link(int depth, int& count) {
      const support::tracked here(count);
      if (depth == 0) {
        co_await rm::sleep_for(1h);
      } else {
        co_await link(depth - 1, count);
      }
    }
    static rm::task<> cancel_soon() {
      co_await rm::sleep_for(1ms);
      rm::loop::current().cancel_root();
    }
    static rm::task<> root(int& count, rm::nursery& both) {
      co_await both.run([&]() -> rm::task<> {
        both.start(cancel_soon);
        co_await link(100'000, count);
      });
    }
  };
  rm::nursery both;
  CHECK_THROWS_AS(run(chain::root(alive, both)), rm::operation_cancelled);
  CHECK(alive == 0);
}

TEST_CASE("a task that only yields does not keep a timer from firing") {
  auto body = []() -> rm::task<int> {
    int turns = 0;
    const rm::time_point end = rm::loop::current().now() + 1s;
    rm::nursery both;
    bool over = false;
    co_await both.run([&]() -> rm::task<> {
      both.start([&]() -> rm::task<> {
        co_await rm::sleep_for(1s);
        over = true;
      });
      // Virtual time stands still while something is ready: give it a push.
      while (!over && turns < 100'000) {
        ++turns;
        if (turns == 1000) co_await rm::sleep_for(2s);
        co_await rm::yield();
      }
    });
    CHECK(over);
    CHECK(rm::loop::current().now() >= end);
    co_return turns;
  };
  CHECK(run(body()) == 1000);
}

TEST_CASE("a loop whose tasks can never be woken reports a deadlock and says where") {
  rm::event never;
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    const support::tracked here(alive);
    co_await never.wait();
  };
  try {
    run(body());
    FAIL("no deadlock was reported");
  } catch (const rm::deadlock_error& error) {
    CHECK(std::string(error.what()).find("task_test.cpp") != std::string::npos);
  }
  CHECK(alive == 0);
}

TEST_CASE("a result that arrives in the same turn as the cancel is delivered, and the cancel at the next suspension") {
  bool delivered = false;
  bool went_on = false;
  int alive = 0;
  rm::event event;
  auto waits = [&]() -> rm::task<> {
    const support::tracked here(alive);
    co_await event.wait();
    delivered = true;
    co_await rm::yield();
    went_on = true;
  };
  auto body = [&]() -> rm::task<> {
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start(waits);
      co_await rm::sleep_for(1ms);
      event.set();
      children.cancel();
    });
  };
  run(body());
  CHECK(delivered);
  CHECK_FALSE(went_on);
  CHECK(alive == 0);
}

TEST_CASE("a task that was awaited already cannot be awaited again") {
  auto body = []() -> rm::task<> {
    rm::task<int> once = answer();
    const int value = co_await std::move(once);
    CHECK(value == 42);
    CHECK_THROWS_AS(co_await std::move(once), std::logic_error);
  };
  run(body());
}

TEST_CASE("a task that two others await belongs to the first, and the second is refused") {
  auto body = []() -> rm::task<> {
    rm::task<> shared = fail("of the first");
    int refused = 0;
    rm::nursery group = rm::nursery::supervising([&](std::exception_ptr) { ++refused; });
    auto await_shared = [&]() -> rm::task<> { co_await std::move(shared); };
    co_await group.run([&]() -> rm::task<> {
      group.start(await_shared);
      group.start(await_shared);
      co_return;
    });
    CHECK(refused == 2);  // one by its error, one by the refusal
  };
  run(body());
}

TEST_CASE("awaits that complete inside of the call give way to others too") {
  auto body = []() -> rm::task<> {
    bool other_ran = false;
    rm::nursery group;
    int awaits = 0;
    co_await group.run([&]() -> rm::task<> {
      group.start([&]() -> rm::task<> {
        other_ran = true;
        co_return;
      });
      while (!other_ran && awaits < 100'000) {
        ++awaits;
        co_await rm::when_all(answer());
      }
    });
    CHECK(awaits < 1000);
  };
  run(body());
}

TEST_CASE("a task goes on in the turn in which the suspended task that it awaits ends") {
  auto child = []() -> rm::task<> { co_await rm::yield(); };
  auto values = []() -> rm::async_generator<int> {
    co_await rm::yield();
    co_yield 7;
  };
  auto body = [&]() -> rm::task<> {
    const rm::loop_statistics& counted = rm::loop::current().statistics();
    const std::uint64_t start = counted.turns;
    co_await child();
    CHECK(counted.turns == start + 1);
    rm::async_generator<int> numbers = values();
    const std::optional<int> number = co_await numbers.next();
    CHECK(number == 7);
    CHECK(counted.turns == start + 2);
  };
  run(body());
}

namespace {

/// A chain of tasks that await each other, the last of which waits for an event, and one that counts how many of them
/// end while it waits for its turn.
class ending_chain {
 public:
  static constexpr int length = 1000;

  rm::task<> link(int below) {
    const support::tracked here(alive);
    if (below == 0) {
      waiting = true;
      co_await end.wait();
    } else {
      co_await link(below - 1);
    }
  }
  /// Gives the most that ended in one turn.
  rm::task<int> watch() {
    int most = 0;
    for (int before = alive; before > 0; before = alive) {
      co_await rm::yield();
      most = std::max(most, before - alive);
    }
    co_return most;
  }

  rm::event end;
  bool waiting = false;
  int alive = 0;
};

}  // namespace

TEST_CASE("a chain of suspended tasks that ends, or is cancelled, gives way to others") {
  for (const bool is_cancelled : {false, true}) {
    CAPTURE(is_cancelled);
    ending_chain chain;
    rm::nursery group;
    auto body = [&]() -> rm::task<> {
      int most = 0;
      rm::cancel_scope scope;
      co_await group.run([&]() -> rm::task<> {
        group.start([&]() -> rm::task<> { co_await scope.run(chain.link(ending_chain::length - 1)); });
        while (!chain.waiting) co_await rm::yield();
        CHECK(chain.alive == ending_chain::length);
        if (is_cancelled) {
          scope.cancel();
        } else {
          chain.end.set();
        }
        most = co_await chain.watch();
      });
      CHECK(chain.alive == 0);
      CHECK(most < 200);
      if (!is_cancelled) CHECK(most > 100);  // not a turn for each
    };
    run(body());
  }
}

TEST_CASE("a task that awaits nothing but what is ready is cut off all the same") {
  auto body = []() -> rm::task<> {
    rm::event set;
    set.set();
    int awaits = 0;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start([&]() -> rm::task<> {
        while (awaits < 1'000'000) {
          ++awaits;
          co_await set.wait();
        }
      });
      co_await rm::yield();
      group.cancel();
    });
    CHECK(awaits < 1000);
  };
  run(body());
}
