#include <doctest/doctest.h>

#include <search.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/async_stack.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/fiber.hpp>
#include <ringmill/runtime/inspect.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/delayed.hpp"
#include "../support/lifetime.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {

int add(int a, int b) { return a + b; }

/// Synchronous, and deep: each level has something on the stack.
int wait_at_depth(int depth, int& alive) {
  const support::tracked here(alive);
  if (depth == 0) return rm::fiber_await(support::value_after(5ms, 7));
  return wait_at_depth(depth - 1, alive) + 1;
}

int compare_slowly(const void* a, const void* b) {
  rm::fiber_await(rm::sleep_for(1ms));
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

}  // namespace

TEST_CASE("a fiber runs a function and gives its value") {
  auto body = []() -> rm::task<> {
    CHECK(co_await rm::fiber(add, 2, 3) == 5);
    int word = 1;
    auto reference = [&]() -> int& { return word; };
    int& same = co_await rm::fiber(reference);
    CHECK(&same == &word);
    auto nothing = [&] { word = 9; };
    co_await rm::fiber(nothing);
    CHECK(word == 9);
    auto length = [](std::unique_ptr<std::string> text) { return text->size(); };
    auto text = std::make_unique<std::string>("four");
    CHECK(co_await rm::fiber(length, std::move(text)) == 4);
  };
  run(body());
}

TEST_CASE("a fiber throws what its function throws, with its own type") {
  auto body = []() -> rm::task<> {
    bool thrown = false;
    auto fail = [] {
      rm::fiber_await(rm::sleep_for(1ms));
      throw std::out_of_range("from a fiber");
    };
    try {
      co_await rm::fiber(fail);
    } catch (const std::out_of_range& error) {
      thrown = error.what() == std::string("from a fiber");
    }
    CHECK(thrown);
  };
  run(body());
}

TEST_CASE("synchronous code awaits at any depth, and the loop runs other tasks meanwhile") {
  auto body = []() -> rm::task<> {
    rm::nursery both;
    int alive = 0;
    int answer = 0;
    std::vector<int> order;
    auto first = [&]() -> rm::task<> {
      answer = co_await rm::fiber(wait_at_depth, 50, std::ref(alive));
      order.push_back(2);
    };
    auto second = [&]() -> rm::task<> {
      co_await rm::sleep_for(1ms);
      CHECK(alive == 51);
      order.push_back(1);
    };
    auto start = [&]() -> rm::task<> {
      both.start(first);
      both.start(second);
      co_return;
    };
    co_await both.run(start);
    CHECK(answer == 57);
    CHECK(alive == 0);
    CHECK(order == std::vector{1, 2});
  };
  run(body());
}

TEST_CASE("a function of the C library calls back into code that awaits") {
  auto body = []() -> rm::task<> {
    const std::array numbers{5, 3, 9, 1, 7};
    const int wanted = 7;
    const rm::time_point before = rm::loop::current().now();
    // Not qsort: AddressSanitizer's compares neighbours first, and by seeds that would be another run.
    auto find = [&] {
      std::size_t count = numbers.size();
      return ::lfind(&wanted, numbers.data(), &count, sizeof(int), &compare_slowly);
    };
    const void* const found = co_await rm::fiber(find);
    CHECK(found == &numbers[4]);
    CHECK(rm::loop::current().now() - before >= 5ms);
  };
  run(body());
}

TEST_CASE("what fails in an awaited task is thrown in the fiber") {
  auto body = []() -> rm::task<> {
    auto catches = []() -> std::string {
      try {
        rm::fiber_await(support::fail_after(1ms, "no"));
      } catch (const std::runtime_error& error) {
        return error.what();
      }
      return "nothing";
    };
    const std::string seen = co_await rm::fiber(catches);
    CHECK(seen == "no");
    auto as_result = [] { return rm::fiber_await_result(support::fail_after(1ms, "no")).has_error(); };
    CHECK(co_await rm::fiber(as_result));
    auto moved_from = [] {
      auto one = support::value_at_once(1);
      auto other = std::move(one);
      CHECK_THROWS_AS(rm::fiber_await(std::move(one)), std::logic_error);
      return rm::fiber_await(std::move(other));
    };
    CHECK(co_await rm::fiber(moved_from) == 1);
  };
  run(body());
}

TEST_CASE("a cancelled fiber is unwound from where it waits") {
  auto body = []() -> rm::task<> {
    rm::nursery children;
    int alive = 0;
    bool went_on = false;
    auto child = [&]() -> rm::task<> {
      co_await rm::fiber(wait_at_depth, 20, std::ref(alive));
      went_on = true;
    };
    auto start = [&]() -> rm::task<> {
      children.start(child);
      co_await rm::sleep_for(1ms);
      CHECK(alive == 21);
      children.cancel();
    };
    co_await children.run(start);
    CHECK(alive == 0);
    CHECK_FALSE(went_on);
    CHECK(rm::current_fiber_statistics().live == 0);
  };
  run(body());
}

TEST_CASE("a fiber that catches its cancellation is thrown it again, and what it returns is dropped") {
  auto body = []() -> rm::task<> {
    int caught = 0;
    auto stubborn = [&] {
      for (int i = 0; i < 3; ++i) {
        try {
          rm::fiber_await(rm::sleep_for(1h));
        } catch (...) {
          ++caught;
        }
      }
      return 1;
    };
    const auto ended = co_await rm::move_on_after(1ms, rm::fiber(stubborn));
    CHECK(caught == 3);
    CHECK_FALSE(ended);
  };
  run(body());
}

TEST_CASE("an error that a fiber throws while it is unwound is not lost") {
  auto body = []() -> rm::task<> {
    auto replaces = [] {
      try {
        rm::fiber_await(rm::sleep_for(1h));
      } catch (...) {
        throw std::runtime_error("while unwinding");
      }
    };
    bool thrown = false;
    try {
      co_await rm::with_timeout(1ms, rm::fiber(replaces));
    } catch (const std::runtime_error& error) {
      thrown = error.what() == std::string("while unwinding");
    }
    CHECK(thrown);
  };
  run(body());
}

TEST_CASE(
    "a result that arrives in the same turn as the cancel is given to the fiber, which is unwound at its next wait") {
  auto body = []() -> rm::task<> {
    rm::nursery children;
    rm::event ready;
    bool got_it = false;
    bool went_on = false;
    auto wait = [&] {
      rm::fiber_await(ready.wait());
      got_it = true;
      rm::fiber_await(rm::sleep_for(1ms));
      went_on = true;
    };
    auto child = [&]() -> rm::task<> { co_await rm::fiber(wait); };
    auto start = [&]() -> rm::task<> {
      children.start(child);
      co_await rm::sleep_for(1ms);
      ready.set();
      children.cancel();
    };
    co_await children.run(start);
    CHECK(got_it);
    CHECK_FALSE(went_on);
  };
  run(body());
}

TEST_CASE("a fiber of a task that was cancelled before is never entered") {
  auto body = []() -> rm::task<> {
    rm::nursery children;
    bool entered = false;
    auto enter = [&] { entered = true; };
    auto child = [&]() -> rm::task<> {
      children.cancel();
      co_await rm::fiber(enter);
    };
    co_await children.run(child);
    CHECK_FALSE(entered);
  };
  run(body());
}

TEST_CASE("a fiber whose time is over already runs to its first wait and is unwound there") {
  auto body = []() -> rm::task<> {
    int alive = 0;
    bool entered = false;
    auto wait = [&] {
      entered = true;
      return wait_at_depth(3, alive);
    };
    const auto ended = co_await rm::move_on_after(0ms, rm::fiber(wait));
    CHECK(entered);
    CHECK_FALSE(ended);
    CHECK(alive == 0);
    CHECK(co_await rm::move_on_after(0ms, rm::fiber(add, 1, 1)) == 2);
  };
  run(body());
}

TEST_CASE("while a fiber is unwound a shield can still be awaited") {
  auto body = []() -> rm::task<> {
    bool cleaned_up = false;
    class cleaner {
     public:
      explicit cleaner(bool& done) : done_(done) {}
      ~cleaner() {
        rm::fiber_await(rm::shield(rm::sleep_for(10ms)));
        done_ = rm::fiber_await_result(rm::sleep_for(1ms)).is_cancelled();
      }

     private:
      bool& done_;
    };
    auto wait = [&] {
      const cleaner here(cleaned_up);
      rm::fiber_await(rm::sleep_for(1h));
    };
    const rm::time_point before = rm::loop::current().now();
    const bool ended = co_await rm::move_on_after(1ms, rm::fiber(wait));
    CHECK_FALSE(ended);
    CHECK(cleaned_up);
    CHECK(rm::loop::current().now() - before == 11ms);
  };
  run(body());
}

TEST_CASE("a callback that must not be thrown through sees the cancel as a result") {
  auto body = []() -> rm::task<> {
    bool cancelled = false;
    auto wait = [&] { cancelled = rm::fiber_await_result(rm::sleep_for(1h)).is_cancelled(); };
    CHECK(co_await rm::move_on_after(1ms, rm::fiber(wait)));  // the function has returned by itself
    CHECK(cancelled);
  };
  run(body());
}

TEST_CASE("a thousand fibers wait at once, and their stacks are used again") {
  auto body = []() -> rm::task<> {
    int alive = 0;
    rm::nursery many;
    auto child = [&]() -> rm::task<> { co_await rm::fiber(wait_at_depth, 3, std::ref(alive)); };
    auto start = [&]() -> rm::task<> {
      for (int i = 0; i < 1000; ++i) many.start(child);
      co_await rm::sleep_for(1ms);
      CHECK(rm::current_fiber_statistics().live == 1000);
    };
    co_await many.run(start);
    CHECK(alive == 0);
    CHECK(rm::current_fiber_statistics().live == 0);
    const std::size_t kept = rm::current_fiber_statistics().kept;
    CHECK(kept > 0);
    co_await rm::fiber(wait_at_depth, 3, std::ref(alive));
    CHECK(rm::current_fiber_statistics().kept == kept);
  };
  run(body());
}

TEST_CASE("a fiber that awaits what is ready gives way to others") {
  auto body = []() -> rm::task<> {
    rm::event always;
    always.set();
    rm::nursery both;
    bool stop = false;
    int rounds = 0;
    auto spin = [&] {
      while (!stop && rounds < 1'000'000) {
        rm::fiber_await(always.wait());
        ++rounds;
      }
    };
    auto start = [&]() -> rm::task<> {
      both.start([&] { return rm::fiber(spin); });
      co_await rm::yield();
      co_await rm::yield();
      stop = true;
    };
    co_await both.run(start);
    CHECK(rounds > 0);
    CHECK(rounds < 1000);
  };
  run(body());
}

TEST_CASE("tasks that a fiber awaits without suspending run on the loop's stack, a hundred thousand of them") {
  auto body = []() -> rm::task<> {
    auto sum = [] {
      int all = 0;
      for (int i = 0; i < 100'000; ++i) all += rm::fiber_await(support::value_at_once(1));
      return all;
    };
    CHECK(co_await rm::fiber(sum) == 100'000);
  };
  run(body());
}

TEST_CASE("awaiting outside of a fiber is an error that says what to do") {
  CHECK_THROWS_WITH_AS(rm::fiber_await(rm::yield()),
                       "fiber_await() outside of a fiber: in a coroutine co_await it, other code runs in co_await "
                       "rm::fiber(function)",
                       std::logic_error);
  // A coroutine that a fiber awaits is no part of the fiber.
  auto coroutine = []() -> rm::task<> {
    rm::fiber_await(rm::yield());
    co_return;
  };
  auto body = [&]() -> rm::task<> {
    auto wait = [&] { CHECK_THROWS_AS(rm::fiber_await(coroutine()), std::logic_error); };
    co_await rm::fiber(wait);
  };
  run(body());
}

TEST_CASE("the task tree shows where a fiber waits, and for what") {
  auto body = []() -> rm::task<> {
    rm::nursery children;
    std::string tree;
    int line = 0;
    auto wait = [&] {
      line = __LINE__ + 1;
      rm::fiber_await(rm::sleep_for(1s));
    };
    auto start = [&]() -> rm::task<> {
      children.start([&] { return rm::fiber(wait); });
      co_await rm::sleep_for(500ms);
      tree = rm::dump_tasks();
    };
    co_await children.run(start);
    const std::string place = "fiber_test.cpp:" + std::to_string(line);
    CHECK(tree.find(place) != std::string::npos);
    CHECK(tree.find("waiting 0.500 s: in a fiber, sleep_for, 0.500 s left") != std::string::npos);
  };
  run(body());
}

TEST_CASE("an error that leaves a fiber has the place of its last wait in its async stack") {
  auto body = []() -> rm::task<> {
    std::string stack;
    int line = 0;
    auto fail = [&] {
      line = __LINE__ + 1;
      rm::fiber_await(rm::yield());
      throw std::runtime_error("no");
    };
    try {
      co_await rm::fiber(fail);
    } catch (...) {
      stack = rm::async_stack(std::current_exception());
    }
    CHECK(stack.find("fiber_test.cpp:" + std::to_string(line)) != std::string::npos);
  };
  run(body());
}
