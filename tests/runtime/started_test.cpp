#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/started.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/lifetime.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {

rm::task<> serve(rm::started<int> ready, int port, int& alive) {
  const support::tracked here(alive);
  co_await rm::sleep_for(2ms);
  ready(port);
  co_await rm::sleep_for(1h);
}

rm::task<> refuse(rm::started<int>) {
  co_await rm::sleep_for(1ms);
  throw std::runtime_error("address in use");
}

rm::task<> say_nothing(rm::started<int>) { co_await rm::sleep_for(1ms); }

rm::task<> never_ready(rm::started<> ready, int& alive) {
  const support::tracked here(alive);
  co_await rm::sleep_for(1h);
  ready();
}

}  // namespace

TEST_CASE("a spawner goes on when its child says that it is ready, with the value, and the child goes on too") {
  auto body = []() -> rm::task<> {
    rm::nursery group;
    int alive = 0;
    auto spawn = [&]() -> rm::task<> {
      const rm::time_point before = rm::loop::current().now();
      const int port = co_await rm::start_until_ready<int>(group, serve, 7000, std::ref(alive));
      CHECK(port == 7000);
      CHECK(rm::loop::current().now() - before == 2ms);
      CHECK(alive == 1);
      co_await rm::sleep_for(1s);
      CHECK(alive == 1);
      group.cancel();
    };
    co_await group.run(spawn);
    CHECK(alive == 0);
  };
  run(body());
}

TEST_CASE("an error before the child is ready is the spawner's, and not the nursery's") {
  auto body = []() -> rm::task<> {
    rm::nursery group;
    std::string said;
    auto spawn = [&]() -> rm::task<> {
      try {
        co_await rm::start_until_ready<int>(group, refuse);
      } catch (const std::runtime_error& error) {
        said = error.what();
      }
      co_await rm::sleep_for(1s);
      CHECK_FALSE(group.is_cancelled());
    };
    co_await group.run(spawn);
    CHECK(said == "address in use");
  };
  run(body());
}

TEST_CASE("an error after the child is ready goes to the nursery") {
  auto body = []() -> rm::task<> {
    rm::nursery group;
    bool cut = true;
    auto child = [](rm::started<> ready) -> rm::task<> {
      ready();
      co_await rm::sleep_for(1ms);
      throw std::out_of_range("later");
    };
    auto spawn = [&]() -> rm::task<> {
      co_await rm::start_until_ready(group, child);
      co_await rm::sleep_for(1s);
      cut = false;
    };
    bool thrown = false;
    try {
      co_await group.run(spawn);
    } catch (const std::out_of_range&) {
      thrown = true;
    }
    CHECK(thrown);
    CHECK(cut);
  };
  run(body());
}

TEST_CASE("a child that ends without a word is an error of the spawner, and so is one that says it twice its own") {
  auto body = []() -> rm::task<> {
    rm::nursery group;
    std::string said;
    bool refused = false;
    auto twice = [&](rm::started<> ready) -> rm::task<> {
      ready();
      try {
        ready();
      } catch (const std::logic_error&) {
        refused = true;
      }
      co_return;
    };
    auto spawn = [&]() -> rm::task<> {
      try {
        co_await rm::start_until_ready<int>(group, say_nothing);
      } catch (const std::logic_error& error) {
        said = error.what();
      }
      co_await rm::start_until_ready(group, twice);
    };
    co_await group.run(spawn);
    CHECK(said == "a child ended and had not said that it is ready");
    CHECK(refused);
  };
  run(body());
}

TEST_CASE("a spawner that stops waiting takes a child with it that is not ready, and leaves one that is") {
  auto body = []() -> rm::task<> {
    rm::nursery group;
    int alive = 0;
    int serving = 0;
    auto spawn = [&]() -> rm::task<> {
      auto start = rm::start_until_ready(group, never_ready, std::ref(alive));
      const bool ready = co_await rm::move_on_after(1ms, std::move(start));
      CHECK_FALSE(ready);
      co_await rm::testing::all_blocked();
      CHECK(alive == 0);
      auto other = rm::start_until_ready<int>(group, serve, 1, std::ref(serving));
      const std::optional<int> port = co_await rm::move_on_after(1s, std::move(other));
      CHECK(port == 1);
      co_await rm::sleep_for(2s);
      CHECK(serving == 1);
      CHECK_FALSE(group.is_cancelled());
      group.cancel();
    };
    co_await group.run(spawn);
    CHECK(serving == 0);
  };
  run(body());
}

TEST_CASE("a spawner outside of the nursery hears that the child was cancelled") {
  auto body = []() -> rm::task<> {
    rm::nursery outer;
    rm::nursery inner;
    int alive = 0;
    bool abandoned = false;
    auto host = [&]() -> rm::task<> { co_await rm::sleep_for(1h); };
    auto spawn = [&]() -> rm::task<> {
      co_await rm::yield();
      try {
        co_await rm::start_until_ready(inner, never_ready, std::ref(alive));
      } catch (const rm::abandoned_error&) {
        abandoned = true;
      }
    };
    auto both = [&]() -> rm::task<> {
      outer.start(spawn);
      outer.start([&]() -> rm::task<> {
        co_await rm::sleep_for(5ms);
        inner.cancel();
      });
      co_await inner.run(host);
    };
    co_await outer.run(both);
    CHECK(alive == 0);
    CHECK(abandoned);
  };
  run(body());
}

TEST_CASE("a nursery that was cancelled starts no child, and its spawner hears of it") {
  auto body = []() -> rm::task<> {
    rm::nursery outer;
    rm::nursery inner;
    int alive = 0;
    bool abandoned = false;
    auto stay = [&]() -> rm::task<> { co_await rm::shield(rm::sleep_for(10ms)); };
    auto both = [&]() -> rm::task<> {
      outer.start([&]() -> rm::task<> {
        co_await rm::sleep_for(1ms);
        inner.cancel();
        try {
          co_await rm::start_until_ready(inner, never_ready, std::ref(alive));
        } catch (const rm::abandoned_error&) {
          abandoned = true;
        }
      });
      co_await inner.run(stay);
    };
    co_await outer.run(both);
    CHECK(abandoned);
    CHECK(alive == 0);
  };
  run(body());
}
