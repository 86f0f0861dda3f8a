#include <doctest/doctest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>

#include "../support/lifetime.hpp"
#include "../support/run.hpp"
#include "child_tasks.hpp"

namespace rm = ringmill;
using support::note_after;
using support::run;
using support::sleep_alive;
using support::throw_after;
using namespace std::chrono_literals;

TEST_CASE("a nursery is left only when every child has ended") {
  std::vector<int> log;
  auto body = [&]() -> rm::task<> {
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start(note_after, 20ms, std::ref(log), 2);
      children.start(note_after, 10ms, std::ref(log), 1);
      co_return;
    });
    log.push_back(3);
  };
  run(body());
  CHECK(log == std::vector<int>{1, 2, 3});
}

TEST_CASE("start never runs the child inside the call") {
  bool ran = false;
  auto body = [&]() -> rm::task<> {
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start([&]() -> rm::task<> {
        ran = true;
        co_return;
      });
      CHECK_FALSE(ran);
      co_return;
    });
  };
  run(body());
  CHECK(ran);
}

TEST_CASE("the first error cancels the siblings and is rethrown with its own type when all have ended") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start(sleep_alive, std::ref(alive));
      children.start(throw_after, 5ms, std::string("first"));
      co_await rm::sleep_for(1h);
    });
  };
  CHECK_THROWS_WITH_AS(run(body()), "first", std::runtime_error);
  CHECK(alive == 0);
}

TEST_CASE("an error after the first is kept in suppressed()") {
  struct fails_in_its_destructor_turn {
    static rm::task<> child(int number) {
      co_await rm::sleep_for(1ms);
      throw std::runtime_error(std::to_string(number));
    }
  };
  auto body = []() -> rm::task<std::size_t> {
    rm::nursery children;
    try {
      co_await children.run([&]() -> rm::task<> {
        children.start(fails_in_its_destructor_turn::child, 1);
        children.start(fails_in_its_destructor_turn::child, 2);
        co_return;
      });
    } catch (const std::runtime_error& error) {
      CHECK(std::string(error.what()) == "1");
    }
    co_return children.suppressed().size();
  };
  CHECK(run(body()) == 1);
}

TEST_CASE("a child that is started in a cancelled nursery ends unentered") {
  bool entered = false;
  auto body = [&]() -> rm::task<> {
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.cancel();
      children.start([&]() -> rm::task<> {
        entered = true;
        co_return;
      });
      co_return;
    });
  };
  run(body());
  CHECK_FALSE(entered);
}

TEST_CASE("a child cancelled before its first turn ends unentered and its arguments are destroyed") {
  bool entered = false;
  int alive = 0;
  auto child = [&](support::tracked) -> rm::task<> {
    entered = true;
    co_return;
  };
  auto body = [&]() -> rm::task<> {
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      children.start(child, support::tracked(alive));
      children.cancel();
      co_return;
    });
  };
  run(body());
  CHECK_FALSE(entered);
  CHECK(alive == 0);
}

TEST_CASE("start outside of run is refused") {
  auto body = []() -> rm::task<> {
    rm::nursery children;
    int unused = 0;
    CHECK_THROWS_AS(children.start(sleep_alive, std::ref(unused)), std::logic_error);
    co_return;
  };
  run(body());
}

TEST_CASE("cancelling the task that runs a nursery ends all of its children first") {
  int alive = 0;
  bool went_on = false;
  auto inner = [&]() -> rm::task<> {
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      for (int i = 0; i < 10; ++i) children.start(sleep_alive, std::ref(alive));
      co_return;
    });
    went_on = true;
  };
  auto body = [&]() -> rm::task<> {
    rm::nursery outer;
    co_await outer.run([&]() -> rm::task<> {
      outer.start(inner);
      co_await rm::sleep_for(1ms);
      CHECK(alive == 10);
      outer.cancel();
    });
    CHECK(alive == 0);
  };
  run(body());
  CHECK_FALSE(went_on);
}

TEST_CASE("arguments are stored by value for as long as the child runs") {
  std::string seen;
  auto child = [&](const std::string& text) -> rm::task<> {
    co_await rm::sleep_for(1ms);
    seen = text;
  };
  auto body = [&]() -> rm::task<> {
    rm::nursery children;
    co_await children.run([&]() -> rm::task<> {
      {
        std::string local = "a string that is too long for the small buffer";
        children.start(child, local);
      }
      co_return;
    });
  };
  run(body());
  CHECK(seen == "a string that is too long for the small buffer");
}

namespace {
rm::task<> keep_view(std::string_view text, std::string& seen) {
  co_await rm::sleep_for(1ms);
  seen = text;
}
rm::task<> only_view(std::string_view text) {
  co_await rm::sleep_for(1ms);
  if (text != "a text that is too long to be stored in place") throw std::runtime_error("the text is gone");
}
}  // namespace

TEST_CASE("an argument that a view is made of lives as long as the child") {
  auto body = []() -> rm::task<> {
    std::string seen;
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(keep_view, std::string("a text that is too long to be stored in place"), std::ref(seen));
      group.start(only_view, std::string("a text that is too long to be stored in place"));
      co_return;
    });
    CHECK(seen == "a text that is too long to be stored in place");
  };
  run(body());
}

TEST_CASE("a nursery whose body was moved from is not left open") {
  auto body = []() -> rm::task<> {
    rm::nursery group;
    auto gone = [] {
      auto nothing = []() -> rm::task<> { co_return; };
      rm::task<> first = nothing();
      rm::task<> second = std::move(first);
      return first;  // NOLINT: moved from, on purpose
    };
    CHECK_THROWS_AS(co_await group.run(gone), std::logic_error);
    auto nothing = []() -> rm::task<> { co_return; };
    CHECK_THROWS_AS(group.start(nothing), std::logic_error);
  };
  run(body());
}

TEST_CASE("an error is not lost when its handler throws") {
  auto body = []() -> rm::task<> {
    rm::nursery group = rm::nursery::supervising([](std::exception_ptr) { throw std::logic_error("no use"); });
    bool caught = false;
    try {
      co_await group.run([&]() -> rm::task<> {
        group.start([]() -> rm::task<> {
          throw std::runtime_error("boom");
          co_return;
        });
        co_return;
      });
    } catch (const std::logic_error&) {
      caught = true;
    }
    CHECK(caught);
    CHECK(group.suppressed().size() == 1);
  };
  run(body());
  CHECK_THROWS_AS(rm::nursery::supervising({}), std::logic_error);
}

TEST_CASE("a task that cancels its own nursery starts nothing more, however many tasks lie between them") {
  auto body = []() -> rm::task<> {
    rm::nursery group;
    bool started = false;
    auto leaf = [&]() -> rm::task<> {
      started = true;
      co_return;
    };
    auto inner = [&]() -> rm::task<> {
      group.cancel();
      co_await leaf();
    };
    auto middle = [&]() -> rm::task<> { co_await inner(); };
    co_await group.run(middle);
    CHECK_FALSE(started);
  };
  run(body());
}

TEST_CASE("what runs in a shield is not asked to stop by a nursery that it cancels itself") {
  auto body = []() -> rm::task<> {
    rm::nursery group;
    bool went_on = false;
    auto shielded = [&]() -> rm::task<> {
      group.cancel();
      co_await rm::sleep_for(1ms);
      went_on = true;
    };
    auto child = [&]() -> rm::task<> { co_await rm::shield(shielded()); };
    co_await group.run(child);
    CHECK(went_on);
  };
  run(body());
}
