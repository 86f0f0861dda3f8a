#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/named.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/result.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/task_local.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {

rm::task_local<int> request;
rm::task_local<std::string> user;

int request_or_0() {
  const int* const id = request.get();
  return id ? *id : 0;
}

rm::task<int> ask() { co_return request_or_0(); }
rm::task<int> ask_after(std::chrono::milliseconds delay) {
  co_await rm::sleep_for(delay);
  const int id = co_await ask();
  co_return id;
}

/// Notes what is seen when it is destroyed.
class witness {
 public:
  explicit witness(int& seen) noexcept : seen_(seen) {}
  witness(const witness&) = delete;
  witness& operator=(const witness&) = delete;
  ~witness() { seen_ = request_or_0(); }

 private:
  int& seen_;
};

}  // namespace

TEST_CASE("what is awaited inside of a with sees its value, before and after it was suspended, and nothing else does") {
  CHECK(request.get() == nullptr);
  auto body = []() -> rm::task<> {
    CHECK(request.get() == nullptr);
    const int at_once = co_await request.with(1, ask());
    CHECK(at_once == 1);
    const int later = co_await request.with(2, ask_after(1ms));
    CHECK(later == 2);
    CHECK(request.get() == nullptr);
    const int none = co_await ask();
    CHECK(none == 0);
  };
  run(body());
  CHECK(request.get() == nullptr);
}

TEST_CASE("an inner with hides the outer value, and another variable does not") {
  auto body = []() -> rm::task<> {
    auto inner = []() -> rm::task<> {
      CHECK(request_or_0() == 1);
      auto both = []() -> rm::task<> {
        CHECK(request_or_0() == 2);
        REQUIRE(user.get());
        CHECK(*user.get() == "ann");
        co_return;
      };
      co_await request.with(2, user.with("ann", both()));
      CHECK(request_or_0() == 1);
      CHECK(user.get() == nullptr);
    };
    co_await request.with(1, inner());
  };
  run(body());
}

TEST_CASE("children of a nursery see what surrounds its run, whoever starts them") {
  auto body = []() -> rm::task<> {
    std::vector<int> seen;
    rm::nursery children;
    auto child = [&]() -> rm::task<> {
      co_await rm::sleep_for(1ms);
      seen.push_back(request_or_0());
    };
    auto start = [&]() -> rm::task<> {
      children.start(child);
      auto inside = [&]() -> rm::task<> {
        children.start(child);
        co_return;
      };
      co_await request.with(2, inside());
    };
    co_await request.with(1, children.run(start));
    CHECK(seen == std::vector<int>{1, 1});
  };
  run(body());
}

TEST_CASE("a detached task sees no value") {
  auto body = []() -> rm::task<> {
    int seen = -1;
    auto detach = [&]() -> rm::task<> {
      rm::loop::current().detach([&]() -> rm::task<> {
        seen = request_or_0();
        co_return;
      });
      co_return;
    };
    co_await request.with(1, detach());
    co_await rm::yield();
    co_await rm::yield();
    CHECK(seen == 0);
  };
  run(body());
}

TEST_CASE("a value reaches through combinators, limits, names and shields") {
  auto body = []() -> rm::task<> {
    const auto both = co_await request.with(3, rm::when_all(ask_after(1ms), request.with(4, ask_after(2ms))));
    CHECK(std::get<0>(both) == 3);
    CHECK(std::get<1>(both) == 4);
    const int limited = co_await request.with(5, rm::with_timeout(1s, rm::named("asker", ask_after(1ms))));
    CHECK(limited == 5);
    const int outside = co_await rm::with_timeout(1s, rm::shield(request.with(6, ask_after(1ms))));
    CHECK(outside == 6);
  };
  run(body());
}

TEST_CASE("errors and cut-offs go through a with, and a value that is late is kept") {
  auto body = []() -> rm::task<> {
    auto fail = []() -> rm::task<int> {
      co_await rm::yield();
      throw std::runtime_error("failed");
    };
    const rm::result<int> failed = co_await rm::as_result(request.with(1, fail()));
    CHECK_THROWS_WITH_AS(static_cast<void>(failed.value()), "failed", std::runtime_error);
    const std::optional<int> cut = co_await rm::move_on_after(1ms, request.with(1, ask_after(2ms)));
    CHECK_FALSE(cut);
    auto stubborn = []() -> rm::task<int> {
      co_await rm::shield(rm::sleep_for(2ms));
      co_return request_or_0();
    };
    const std::optional<int> late = co_await rm::move_on_after(1ms, request.with(8, stubborn()));
    CHECK(late == 8);
    const std::optional<int> at_once = co_await rm::move_on_after(0ms, request.with(9, ask()));
    CHECK(at_once == 9);  // a task runs to its first await, though the time is over
  };
  run(body());
}

TEST_CASE("destructors see the value while a task is unwound, by an error and by a cancel") {
  auto body = []() -> rm::task<> {
    int by_error = 0;
    int by_cancel = 0;
    auto fail = [&]() -> rm::task<> {
      const witness here(by_error);
      co_await rm::yield();
      throw std::runtime_error("failed");
    };
    auto wait = [&]() -> rm::task<> {
      const witness here(by_cancel);
      co_await rm::sleep_for(1h);
    };
    const rm::result<> failed = co_await rm::as_result(request.with(1, fail()));
    CHECK(failed.has_error());
    CHECK(by_error == 1);
    const bool completed = co_await rm::move_on_after(1ms, request.with(2, wait()));
    CHECK_FALSE(completed);
    CHECK(by_cancel == 2);
  };
  run(body());
}

TEST_CASE("a with in a task that was cancelled before starts nothing, unless what is in it runs all the same") {
  auto body = []() -> rm::task<> {
    rm::nursery children;
    bool entered = false;
    auto never = [&]() -> rm::task<> {
      entered = true;
      co_return;
    };
    auto child = [&]() -> rm::task<> {
      children.cancel();
      co_await request.with(1, never());
    };
    co_await children.run(child);
    CHECK_FALSE(entered);

    rm::nursery others;
    int seen = 0;
    auto clean_up = [&]() -> rm::task<> { seen = co_await ask_after(1ms); };
    auto other = [&]() -> rm::task<> {
      others.cancel();
      co_await request.with(2, rm::shield(clean_up()));
    };
    co_await others.run(other);
    CHECK(seen == 2);
  };
  run(body());
}

TEST_CASE("a value that can only be moved is kept until what it is for has ended") {
  auto body = []() -> rm::task<> {
    const rm::task_local<std::unique_ptr<int>> owner;
    auto look = [&]() -> rm::task<int> {
      co_await rm::sleep_for(1ms);
      co_return **owner.get();
    };
    const int seen = co_await rm::with_timeout(1s, owner.with(std::make_unique<int>(7), look()));
    CHECK(seen == 7);
  };
  run(body());
}

TEST_CASE("a variable that lies where another one was does not see the value of that one") {
  auto body = []() -> rm::task<> {
    auto look = []() -> rm::task<> {
      std::optional<rm::task_local<int>> place;
      place.emplace();
      auto replace = [&]() -> rm::task<> {
        place.emplace();
        CHECK(place->get() == nullptr);
        co_return;
      };
      co_await place->with(1, replace());
    };
    co_await look();
  };
  run(body());
}
