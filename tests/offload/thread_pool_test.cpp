// Calls in threads: what they give, and what a cancel does to them. In virtual time: nothing but the threads themselves
// takes any. Also built with ThreadSanitizer, which is why nothing here uses a ring: ./dev row tsan
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <ringmill/offload/error.hpp>
#include <ringmill/offload/thread_pool.hpp>
#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "thread_gate.hpp"

namespace rm = ringmill;
using rm::testing::run;
using support::gate;
using support::pass;
using support::threads;
using namespace std::chrono_literals;

namespace {

int pass_or_stop(std::stop_token token, gate& in_front) { return in_front.pass_or_stop(token); }
int square(int n) { return n * n; }
void throw_out_of_range() { throw std::out_of_range("far out"); }

}  // namespace

TEST_CASE("a call gives its value, from another thread") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    const int value = co_await pool.run(square, 7);
    CHECK(value == 49);
    const std::thread::id where = co_await pool.run(std::this_thread::get_id);
    CHECK(where != std::this_thread::get_id());
    const auto nothing = [] {};
    co_await pool.run(nothing);
  };
  run(body());
}

TEST_CASE("blocking needs no pool of one's own") {
  auto body = []() -> rm::task<> {
    const int value = co_await rm::blocking(square, 5);
    CHECK(value == 25);
    CHECK(rm::default_thread_pool().threads() >= 1);
  };
  run(body());
}

TEST_CASE("arguments are kept by value and moved in; results may be move-only, or references") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    const auto twice = [](std::unique_ptr<int> number) { return std::make_unique<int>(*number * 2); };
    auto six = std::make_unique<int>(6);
    const std::unique_ptr<int> twelve = co_await pool.run(twice, std::move(six));
    REQUIRE(twelve);
    CHECK(*twelve == 12);

    int here = 3;
    const auto same = [](int& which) -> int& { return which; };
    int& there = co_await pool.run(same, std::ref(here));
    CHECK(&there == &here);

    std::string text = "kept";
    const auto length = [](const std::string& what) { return what.size(); };
    auto later = pool.run(length, text);
    text.clear();
    const std::size_t size = co_await std::move(later);
    CHECK(size == 4);

    const std::string four = "four";
    const std::size_t of_member = co_await pool.run(&std::string::size, four);
    CHECK(of_member == 4);
  };
  run(body());
}

TEST_CASE("what the function throws is thrown by the await, as itself") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    for (int time = 0; time < 3; ++time) {
      bool thrown = false;
      try {
        co_await pool.run(throw_out_of_range);
      } catch (const std::out_of_range& error) {
        thrown = error.what() == std::string("far out");
      }
      CHECK(thrown);
    }
    const auto stops_unasked = [](std::stop_token) { throw rm::operation_cancelled(); };
    CHECK_THROWS_AS(co_await pool.run(stops_unasked), rm::operation_cancelled);
  };
  run(body());
}

TEST_CASE("one blocked thread delays nothing else") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(2));
    gate closed;
    rm::nursery group;
    bool passed = false;
    auto blocked = [&]() -> rm::task<> {
      co_await pool.run(pass, std::ref(closed));
      passed = true;
    };
    auto others = [&]() -> rm::task<> {
      group.start(blocked);
      co_await closed.arrival();
      co_await rm::sleep_for(1h);
      int sum = 0;
      for (int i = 0; i < 100; ++i) sum += co_await pool.run(square, 1);
      CHECK(sum == 100);
      CHECK(pool.threads() == 2);
      CHECK_FALSE(passed);
      closed.open();
    };
    co_await group.run(others);
    CHECK(passed);
  };
  run(body());
}

TEST_CASE("ten thousand calls queue for two threads, and each is made once") {
  constexpr int calls = 10'000;
  auto body = [&]() -> rm::task<> {
    rm::thread_pool pool(threads(2));
    std::vector<std::atomic<int>> made(calls);
    rm::nursery group;
    int ended = 0;
    auto one = [&](int number) -> rm::task<> {
      const auto count = [&made](int which) { return ++made[static_cast<std::size_t>(which)]; };
      const int times = co_await pool.run(count, number);
      ended += times;
    };
    auto start = [&]() -> rm::task<> {
      for (int i = 0; i < calls; ++i) group.start(one, i);
      co_return;
    };
    co_await group.run(start);
    CHECK(ended == calls);
    CHECK(std::all_of(made.begin(), made.end(), [](const std::atomic<int>& times) { return times == 1; }));
    CHECK(pool.threads() == 2);
    CHECK(pool.queued() == 0);
  };
  run(body());
}

TEST_CASE("one thread makes the calls in the order in which they were awaited") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    std::vector<int> order;  // one thread, then the loop: never at the same time
    rm::nursery group;
    auto one = [&](int number) -> rm::task<> {
      const auto append = [&order](int which) { order.push_back(which); };
      co_await pool.run(append, number);
    };
    auto start = [&]() -> rm::task<> {
      for (int i = 0; i < 100; ++i) group.start(one, i);
      co_return;
    };
    co_await group.run(start);
    std::vector<int> expected(100);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(order == expected);
  };
  run(body());
}

TEST_CASE("threads are started when no other is free, and not before") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(8));
    CHECK(pool.threads() == 0);
    co_await pool.run(square, 1);
    CHECK(pool.threads() == 1);
    gate first, second;
    rm::nursery group;
    auto waits_at = [&](gate& one) -> rm::task<> { co_await pool.run(pass, std::ref(one)); };
    auto start = [&]() -> rm::task<> {
      group.start(waits_at, std::ref(first));
      group.start(waits_at, std::ref(second));
      co_await first.arrival();
      co_await second.arrival();
      CHECK(pool.threads() >= 2);
      CHECK(pool.threads() <= 3);  // the first may not have come back yet when it was looked for
      CHECK(pool.running() >= 2);
      first.open();
      second.open();
    };
    co_await group.run(start);
  };
  run(body());
}

TEST_CASE("a call that is cancelled before it starts, or in the queue, is never made") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    gate closed;
    std::atomic<int> made = 0;
    const auto count = [&made] { ++made; };
    rm::nursery outer, inner;
    auto blocked = [&]() -> rm::task<> { co_await pool.run(pass, std::ref(closed)); };
    auto counts = [&]() -> rm::task<> { co_await pool.run(count); };
    auto body_of_inner = [&]() -> rm::task<> {
      inner.start(counts);
      inner.start(counts);
      co_await rm::testing::all_blocked();
      CHECK(pool.queued() == 2);
      inner.cancel();
      co_await pool.run(count);  // before it starts
    };
    auto body_of_outer = [&]() -> rm::task<> {
      outer.start(blocked);
      co_await closed.arrival();
      co_await inner.run(body_of_inner);
      CHECK(pool.queued() == 0);
      closed.open();
    };
    co_await outer.run(body_of_outer);
    co_await pool.run(square, 1);
    CHECK(made == 0);
  };
  run(body());
}

TEST_CASE("a call that is cancelled while it runs is waited for, and its value is not thrown away") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    gate closed;
    int received = 0;
    rm::nursery outer, inner;
    auto blocked = [&]() -> rm::task<> {
      received = co_await pool.run(pass, std::ref(closed));
      co_await rm::sleep_for(1h);
      received = 0;
    };
    auto body_of_inner = [&]() -> rm::task<> {
      inner.start(blocked);
      co_await closed.arrival();
      inner.cancel();
    };
    auto run_inner = [&]() -> rm::task<> { co_await inner.run(body_of_inner); };
    auto body_of_outer = [&]() -> rm::task<> {
      outer.start(run_inner);
      co_await closed.arrival();
      co_await rm::testing::all_blocked();
      CHECK(received == 0);
      CHECK(inner.size() > 0);
      closed.open();
    };
    co_await outer.run(body_of_outer);
    CHECK(received == 1);
  };
  run(body());
}

TEST_CASE("a call that was made in the same turn as a cancel gives its value") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    rm::nursery group;
    int received = 0;
    auto one = [&]() -> rm::task<> { received = co_await pool.run(square, 3); };
    auto start = [&]() -> rm::task<> {
      group.start(one);
      co_await rm::testing::all_blocked();
      while (pool.running() > 0 || pool.queued() > 0)
        std::this_thread::yield();  // the loop hears of it in the next turn
      group.cancel();
    };
    co_await group.run(start);
    CHECK(received == 9);
  };
  run(body());
}

TEST_CASE("a cancel and a time limit reach the function through its stop token") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    gate closed;
    const std::optional<int> none = co_await rm::move_on_after(1s, pool.run(pass_or_stop, std::ref(closed)));
    CHECK_FALSE(none);

    const auto until_stopped = [](std::stop_token token, int value) {
      while (!token.stop_requested()) std::this_thread::yield();
      return value;
    };
    // In virtual time the limit is over at once; the call may be in the queue then, or run.
    for (int time = 0; time < 20; ++time) {
      const std::optional<int> late = co_await rm::move_on_after(1s, pool.run(until_stopped, 5));
      if (late) CHECK(late == 5);
    }
    const auto fails_when_stopped = [](std::stop_token token) {
      while (!token.stop_requested()) std::this_thread::yield();
      throw std::runtime_error("could not clean up");
    };
    int failures = 0;
    while (failures == 0) {
      try {
        static_cast<void>(co_await rm::move_on_after(1s, pool.run(fails_when_stopped)));
      } catch (const std::runtime_error&) {
        ++failures;
      }
    }
  };
  run(body());
}

TEST_CASE("a queue limit refuses what is too much, and the rest goes on") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1).queue_limit(1));
    gate closed;
    rm::nursery group;
    int ended = 0;
    auto blocked = [&]() -> rm::task<> { ended += co_await pool.run(pass, std::ref(closed)); };
    auto queued = [&]() -> rm::task<> { ended += co_await pool.run(square, 1); };
    auto start = [&]() -> rm::task<> {
      group.start(blocked);
      co_await closed.arrival();
      group.start(queued);
      co_await rm::testing::all_blocked();
      CHECK_THROWS_WITH_AS(co_await pool.run(square, 2),
                           "thread_pool \"test\": 1 calls wait for a thread, as many as its queue_limit",
                           rm::queue_full);
      closed.open();
    };
    co_await group.run(start);
    CHECK(ended == 2);
    const int again = co_await pool.run(square, 2);
    CHECK(again == 4);
  };
  run(body());
}
