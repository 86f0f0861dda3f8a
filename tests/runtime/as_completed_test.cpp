#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/runtime/as_completed.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/delayed.hpp"
#include "../support/lifetime.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {

std::vector<rm::task<int>> three_tasks() {
  std::vector<rm::task<int>> tasks;
  tasks.push_back(support::value_after(3ms, 30));
  tasks.push_back(support::value_after(1ms, 10));
  tasks.push_back(support::value_after(2ms, 20));
  return tasks;
}

}  // namespace

TEST_CASE("results come in the order in which the tasks end, with the place of each") {
  auto body = []() -> rm::task<> {
    std::vector<std::pair<std::size_t, int>> seen;
    auto take = [&](rm::completions<int>& all) -> rm::task<> {
      CHECK(all.running() == 3);
      while (auto done = co_await all.next()) seen.emplace_back(done->index(), done->outcome().value());
      CHECK(all.running() == 0);
    };
    co_await rm::as_completed(three_tasks(), take);
    CHECK(seen == std::vector<std::pair<std::size_t, int>>{{1, 10}, {2, 20}, {0, 30}});
  };
  run(body());
}

TEST_CASE("tasks can be started while results are taken") {
  auto body = []() -> rm::task<> {
    std::vector<int> seen;
    auto take = [&](rm::completions<int>& all) -> rm::task<> {
      CHECK(all.start(support::value_after, 1ms, 0) == 0);
      while (auto done = co_await all.next()) {
        const int value = done->outcome().value();
        seen.push_back(value);
        if (value < 5) all.start(support::value_after, 1ms, value + 1);
      }
    };
    co_await rm::as_completed<int>(take);
    CHECK(seen == std::vector{0, 1, 2, 3, 4, 5});
  };
  run(body());
}

TEST_CASE("a task that fails is a result like the others, and does not stop them") {
  auto body = []() -> rm::task<> {
    std::vector<rm::task<int>> tasks = three_tasks();
    tasks.push_back(support::fail_after(1ms, "no"));
    int values = 0;
    std::string error;
    auto take = [&](rm::completions<int>& all) -> rm::task<> {
      while (auto done = co_await all.next()) {
        if (done->outcome()) {
          ++values;
          continue;
        }
        CHECK(done->index() == 3);
        try {
          done->outcome().value();
        } catch (const std::runtime_error& thrown) {
          error = thrown.what();
        }
      }
    };
    co_await rm::as_completed(std::move(tasks), take);
    CHECK(values == 3);
    CHECK(error == "no");
  };
  run(body());
}

TEST_CASE("a body that leaves early cancels the tasks that still run, and waits for them") {
  auto body = []() -> rm::task<> {
    int alive = 0;
    int first = 0;
    auto take = [&](rm::completions<int>& all) -> rm::task<> {
      all.start(support::sleep_tracked, std::ref(alive));
      all.start(support::value_after, 1ms, 7);
      auto done = co_await all.next();
      first = done->outcome().value();
      CHECK(alive == 1);
    };
    const rm::time_point before = rm::loop::current().now();
    co_await rm::as_completed<int>(take);
    CHECK(first == 7);
    CHECK(alive == 0);
    CHECK(rm::loop::current().now() - before == 1ms);
  };
  run(body());
}

TEST_CASE("an error of the body cancels the tasks and is thrown when they have ended") {
  auto body = []() -> rm::task<> {
    int alive = 0;
    auto fail = [&](rm::completions<int>& all) -> rm::task<> {
      all.start(support::sleep_tracked, std::ref(alive));
      co_await rm::sleep_for(1ms);
      throw std::out_of_range("from the body");
    };
    bool thrown = false;
    try {
      co_await rm::as_completed<int>(fail);
    } catch (const std::out_of_range&) {
      thrown = alive == 0;
    }
    CHECK(thrown);
  };
  run(body());
}

TEST_CASE("an error that nobody took is logged") {
  auto body = []() -> rm::task<> {
    const support::kept_log log;
    auto ignore = [&](rm::completions<int>& all) -> rm::task<> {
      all.start(support::fail_after, 1ms, std::string("unseen"));
      co_await rm::sleep_for(2ms);
    };
    co_await rm::as_completed<int>(ignore);
    CHECK(log.contains("unseen"));
  };
  run(body());
}

TEST_CASE("asking when nothing runs gives nothing, and never suspends") {
  auto body = []() -> rm::task<> {
    auto ask = [&](rm::completions<int>& all) -> rm::task<> {
      auto none = co_await all.next();
      CHECK_FALSE(none);
    };
    co_await rm::as_completed<int>(ask);
    auto ask_again = [&](rm::completions<void>& all) -> rm::task<> {
      auto none = co_await all.next();
      CHECK_FALSE(none);
    };
    co_await rm::as_completed(std::vector<rm::task<>>(), ask_again);
  };
  run(body());
}

TEST_CASE("several takers get each result once, and all are told when there are no more") {
  auto body = []() -> rm::task<> {
    std::vector<int> seen;
    int told = 0;
    auto take = [&](rm::completions<int>& all) -> rm::task<> {
      for (int i = 0; i < 5; ++i) all.start(support::value_after, std::chrono::milliseconds(i + 1), i);
      auto taker = [&]() -> rm::task<> {
        while (auto done = co_await all.next()) seen.push_back(done->outcome().value());
        ++told;
      };
      rm::nursery takers;
      auto start = [&]() -> rm::task<> {
        for (int i = 0; i < 3; ++i) takers.start(taker);
        co_return;
      };
      co_await takers.run(start);
    };
    co_await rm::as_completed<int>(take);
    CHECK(seen == std::vector{0, 1, 2, 3, 4});
    CHECK(told == 3);
  };
  run(body());
}

TEST_CASE("a taker that is cancelled in the turn in which its result came gets it all the same") {
  auto body = []() -> rm::task<> {
    int got = 0;
    bool went_on = false;
    rm::event go;
    auto take = [&](rm::completions<int>& all) -> rm::task<> {
      auto give = [&]() -> rm::task<int> {
        co_await go.wait();
        co_return 5;
      };
      all.start(give);
      rm::nursery takers;
      auto taker = [&]() -> rm::task<> {
        auto done = co_await all.next();
        got = done->outcome().value();
        co_await rm::sleep_for(1ms);
        went_on = true;
      };
      auto start = [&]() -> rm::task<> {
        takers.start(taker);
        co_await rm::testing::all_blocked();
        go.set();
        co_await rm::yield();  // the giver runs
        co_await rm::yield();  // its result is handed over
        takers.cancel();
      };
      co_await takers.run(start);
      auto none = co_await all.next();
      CHECK_FALSE(none);
    };
    co_await rm::as_completed<int>(take);
    CHECK(got == 5);
    CHECK_FALSE(went_on);
  };
  run(body());
}

TEST_CASE("cancelled from outside, all tasks and the body end") {
  auto body = []() -> rm::task<> {
    int alive = 0;
    auto take = [&](rm::completions<int>& all) -> rm::task<> {
      const support::tracked here(alive);
      for (int i = 0; i < 4; ++i) all.start(support::sleep_tracked, std::ref(alive));
      co_await all.next();
    };
    const bool ended = co_await rm::move_on_after(1ms, rm::as_completed<int>(std::ref(take)));
    CHECK_FALSE(ended);
    CHECK(alive == 0);
  };
  run(body());
}

TEST_CASE("results may be moved-only, or nothing") {
  auto body = []() -> rm::task<> {
    auto make = [](int value) -> rm::task<std::unique_ptr<int>> { co_return std::make_unique<int>(value); };
    int sum = 0;
    auto take = [&](rm::completions<std::unique_ptr<int>>& all) -> rm::task<> {
      all.start(make, 3);
      all.start(make, 4);
      while (auto done = co_await all.next()) {
        const std::unique_ptr<int> value = std::move(done->outcome()).value();
        sum += *value;
      }
    };
    co_await rm::as_completed<std::unique_ptr<int>>(take);
    CHECK(sum == 7);
    std::vector<rm::task<>> pauses;
    auto pause = []() -> rm::task<> { co_await rm::sleep_for(1ms); };
    pauses.push_back(pause());
    pauses.push_back(pause());
    int ended = 0;
    auto count = [&](rm::completions<void>& all) -> rm::task<> {
      while (auto done = co_await all.next()) ended += done->outcome().has_value();
    };
    co_await rm::as_completed(std::move(pauses), count);
    CHECK(ended == 2);
  };
  run(body());
}
