#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/broadcast.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/result.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/death.hpp"
#include "../support/probe.hpp"
#include "../support/run.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {

using numbers = rm::broadcast<int>;
using subscriber_probe = support::probe<numbers::subscriber::receive_awaiter>;

/// Its copies throw while it is told to.
class moody {
 public:
  explicit moody(const bool& throws) : throws_(&throws) {}
  moody(const moody& other) : throws_(other.throws_) {
    if (*throws_) throw std::runtime_error("no copy today");
  }
  moody(moody&& other) noexcept = default;

 private:
  const bool* throws_;
};

}  // namespace

TEST_CASE("every subscriber gets every value that was sent after it subscribed, in order") {
  auto body = []() -> rm::task<> {
    numbers source(8);
    std::vector<int> all, late;
    auto collect = [](numbers::subscriber from, std::vector<int>& into) -> rm::task<> {
      while (const std::optional<int> one = co_await from.receive()) into.push_back(*one);
    };
    rm::nursery children;
    auto send = [&]() -> rm::task<> {
      CHECK(source.send(0));  // to nobody
      children.start(collect, source.subscribe(), std::ref(all));
      CHECK(source.send(1));
      co_await rm::sleep_for(1ms);
      CHECK(source.send(2));
      children.start(collect, source.subscribe(), std::ref(late));
      CHECK(source.subscribers() == 2);
      co_await rm::sleep_for(1ms);
      CHECK(source.send(3));
      CHECK(source.send(4));
      source.close();
    };
    co_await children.run(send);
    CHECK(all == std::vector<int>{1, 2, 3, 4});
    CHECK(late == std::vector<int>{3, 4});
    CHECK(source.subscribers() == 0);
  };
  run(body());
}

TEST_CASE("one that falls behind is told once how many it missed, and goes on with the oldest that is left") {
  auto body = []() -> rm::task<> {
    numbers source(3);
    auto slow = source.subscribe();
    auto quick = source.subscribe();
    for (int number = 1; number <= 8; ++number) {
      CHECK(source.send(number));
      const std::optional<int> one = co_await quick.receive();
      CHECK(one == number);
    }
    const rm::result<std::optional<int>> lag = co_await rm::as_result(slow.receive());
    REQUIRE(lag.has_error());
    try {
      std::rethrow_exception(lag.error());
    } catch (const rm::lagged_error& error) {
      CHECK(error.missed() == 5);
      support::contains(error.what(), "missed 5 values");
    }
    for (int number = 6; number <= 8; ++number) {
      const std::optional<int> one = co_await slow.receive();
      CHECK(one == number);
    }
    const std::optional<std::optional<int>> none = co_await rm::move_on_after(1ms, slow.receive());
    CHECK_FALSE(none);
  };
  run(body());
}

TEST_CASE("one that waits reads when it runs, so that a burst makes it lag too") {
  auto body = []() -> rm::task<> {
    numbers source(1);
    auto mine = source.subscribe();
    subscriber_probe waiting(mine.receive());
    CHECK(source.send(1));
    CHECK(source.send(2));
    CHECK(waiting.is_granted());
    CHECK_THROWS_AS(static_cast<void>(waiting.result()), rm::lagged_error);
    const std::optional<int> left = co_await mine.receive();
    CHECK(left == 2);
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("close: subscribers get what is left for them, then nothing, and no value is taken any more") {
  auto body = []() -> rm::task<> {
    numbers source(4);
    auto reader = source.subscribe();
    auto idle = source.subscribe();
    CHECK(source.send(1));
    subscriber_probe first(reader.receive());
    CHECK(first.result() == 1);
    subscriber_probe waiting(reader.receive());
    CHECK_FALSE(waiting.has_ended());
    source.close();
    source.close();
    CHECK(source.is_closed());
    CHECK_FALSE(source.send(2));
    CHECK_FALSE(waiting.result());
    const std::optional<int> left = co_await idle.receive();
    CHECK(left == 1);
    const std::optional<int> none = co_await idle.receive();
    CHECK_FALSE(none);
    auto latecomer = source.subscribe();
    const std::optional<int> nothing = co_await latecomer.receive();
    CHECK_FALSE(nothing);
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("a receive that is cancelled while it waits has taken nothing") {
  auto body = []() -> rm::task<> {
    numbers source(4);
    auto mine = source.subscribe();
    {
      subscriber_probe waiting(mine.receive());
      waiting.cancel();
      CHECK(source.send(1));
      CHECK_FALSE(waiting.is_granted());
      co_await rm::yield();
    }
    const std::optional<int> one = co_await mine.receive();
    CHECK(one == 1);
  };
  run(body());
}

TEST_CASE("a task that was cancelled before it could wait for a broadcast is not queued") {
  auto body = []() -> rm::task<> {
    numbers source(4);
    rm::nursery children;
    bool went_on = false;
    auto child = [&]() -> rm::task<> {
      auto mine = source.subscribe();
      children.cancel();
      co_await mine.receive();
      went_on = true;
    };
    co_await children.run(child);
    CHECK_FALSE(went_on);
    CHECK(source.subscribers() == 0);
    CHECK(source.send(1));
  };
  run(body());
}

TEST_CASE("a value that was sent in the same turn as a cancel is received") {
  auto body = []() -> rm::task<> {
    numbers source(4);
    rm::nursery children;
    int received = 0;
    auto receive = [&]() -> rm::task<> {
      auto mine = source.subscribe();
      const std::optional<int> one = co_await mine.receive();
      received = one.value_or(-1);
    };
    auto start = [&]() -> rm::task<> {
      children.start(receive);
      co_await rm::yield();
      CHECK(source.send(5));
      children.cancel();
    };
    co_await children.run(start);
    CHECK(received == 5);
  };
  run(body());
}

TEST_CASE("a copy that throws does so where the value is received, and can be tried again") {
  auto body = []() -> rm::task<> {
    bool throws = false;
    rm::broadcast<moody> source(2);
    auto mine = source.subscribe();
    CHECK(source.send(moody(throws)));
    throws = true;
    auto failed = co_await rm::as_result(mine.receive());
    CHECK(failed.has_error());
    throws = false;
    const std::optional<moody> one = co_await mine.receive();
    CHECK(one);
  };
  run(body());
}

TEST_CASE("misuse of a broadcast is refused: no capacity, two tasks on one subscriber, one that was moved from") {
  CHECK_THROWS_AS(numbers(0), std::invalid_argument);
  auto body = []() -> rm::task<> {
    numbers source(1);
    auto mine = source.subscribe();
    {
      subscriber_probe waiting(mine.receive());
      auto second = co_await rm::as_result(mine.receive());
      CHECK(second.has_error());
      CHECK_THROWS_AS(static_cast<void>(second.value()), std::logic_error);
      waiting.cancel();
    }
    auto moved = std::move(mine);
    CHECK(source.subscribers() == 1);
    auto empty = co_await rm::as_result(mine.receive());
    CHECK_THROWS_AS(static_cast<void>(empty.value()), std::logic_error);
    moved = source.subscribe();
    CHECK(source.subscribers() == 1);
    CHECK(source.send(1));
    const std::optional<int> one = co_await moved.receive();
    CHECK(one == 1);
  };
  run(body());
}

TEST_CASE("a broadcast destroyed before a subscriber, and a subscriber before its waiter, abort with a message") {
  const std::string early = support::death_of([] {
    auto source = std::make_unique<numbers>(1);
    const auto mine = source->subscribe();
    source.reset();
  });
  support::contains(early, "a broadcast was destroyed before its subscribers: declare it in front of them");
  const std::string awaited = support::death_of([] {
    auto body = []() -> rm::task<> {
      numbers source(1);
      auto mine = std::make_unique<numbers::subscriber>(source.subscribe());
      subscriber_probe waiting(mine->receive());
      mine.reset();
      co_return;
    };
    run(body());
  });
  support::contains(awaited, "a subscriber was moved or destroyed while a task waits for it");
}

TEST_CASE("a broadcast does what a list of all values and a place in it do, for thousands of random operations") {
  auto body = [](std::uint64_t seed) -> rm::task<> {
    constexpr std::uint64_t capacity = 5;
    std::mt19937 random(static_cast<unsigned>(seed));
    rm::broadcast<std::uint64_t> source(capacity);
    std::vector<rm::broadcast<std::uint64_t>::subscriber> readers;
    std::vector<std::uint64_t> places;
    std::uint64_t sent = 0;
    std::uint64_t kept = 0;  // none are, while nobody subscribes
    for (int step = 0; step < 4000; ++step) {
      const auto pick = random() % 12;
      if (pick == 0 && readers.size() < 6) {
        readers.push_back(source.subscribe());
        places.push_back(sent);
      } else if (pick == 1 && !readers.empty()) {
        readers.pop_back();
        places.pop_back();
      } else if (pick < 6) {
        REQUIRE(source.send(std::uint64_t(sent)));
        if (!readers.empty()) {
          ++sent;
          kept = std::min(kept + 1, capacity);
        }
      } else if (!readers.empty()) {
        const std::size_t who = random() % readers.size();
        if (places[who] == sent) continue;
        const auto got = co_await rm::as_result(readers[who].receive());
        if (places[who] < sent - kept) {
          REQUIRE(got.has_error());
          places[who] = sent - kept;
        } else {
          REQUIRE(got.has_value());
          REQUIRE(got.value() == places[who]++);
        }
      }
    }
  };
  for (const auto seed : support::numbers_or_drawn(4)) run(body(seed));
}
