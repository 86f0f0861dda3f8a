#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/oneshot.hpp>
#include <ringmill/runtime/result.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/lifetime.hpp"
#include "../support/probe.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using support::run;
using namespace std::chrono_literals;

namespace {

using get_probe = support::probe<rm::oneshot<int>::get_awaiter>;

rm::task<> set_after(std::chrono::milliseconds delay, rm::oneshot<int>::sender to, int value) {
  co_await rm::sleep_for(delay);
  to.set_value(value);
}

}  // namespace

TEST_CASE("a value goes from one task to another, whoever comes first") {
  auto body = []() -> rm::task<> {
    rm::oneshot<int> late, early;
    rm::nursery children;
    int sum = 0;
    auto receive = [&]() -> rm::task<> {
      children.start(set_after, 2ms, late.make_sender(), 40);
      children.start(set_after, 0ms, early.make_sender(), 2);
      sum += co_await late.get();
      sum += co_await early.get();
    };
    co_await children.run(receive);
    CHECK(sum == 42);
  };
  run(body());
}

TEST_CASE("an error that was set is thrown from get") {
  auto body = []() -> rm::task<> {
    rm::oneshot<int> answer;
    auto to = answer.make_sender();
    CHECK_THROWS_AS(to.set_error(nullptr), std::logic_error);
    to.set_error(std::make_exception_ptr(std::runtime_error("no answer")));
    const rm::result<int> got = co_await rm::as_result(answer.get());
    CHECK_THROWS_WITH_AS(static_cast<void>(got.value()), "no answer", std::runtime_error);
  };
  run(body());
}

TEST_CASE("a oneshot whose sender is destroyed without a value says so, before and during the wait") {
  auto body = []() -> rm::task<> {
    rm::oneshot<int> answer;
    rm::nursery children;
    auto get = [&]() -> rm::task<> {
      children.start([](rm::oneshot<int>::sender) -> rm::task<> { co_await rm::sleep_for(1ms); }, answer.make_sender());
      for (int time = 0; time < 2; ++time) {
        const rm::result<int> got = co_await rm::as_result(answer.get());
        CHECK_THROWS_WITH_AS(static_cast<void>(got.value()), "the sender of a oneshot was destroyed without a value",
                             rm::abandoned_error);
      }
    };
    co_await children.run(get);
  };
  run(body());
}

TEST_CASE("a sender in a task that is cancelled lets the other side know") {
  auto body = []() -> rm::task<> {
    rm::oneshot<int> answer;
    rm::nursery asked;
    auto child = [&]() -> rm::task<> {
      asked.start(set_after, std::chrono::milliseconds(1h), answer.make_sender(), 1);
      co_await rm::yield();
      asked.cancel();
    };
    co_await asked.run(child);
    const rm::result<int> got = co_await rm::as_result(answer.get());
    CHECK_THROWS_AS(static_cast<void>(got.value()), rm::abandoned_error);
  };
  run(body());
}

TEST_CASE("a get that timed out has taken nothing, and can be tried again") {
  auto body = []() -> rm::task<> {
    rm::oneshot<std::unique_ptr<int>> answer;
    auto to = answer.make_sender();
    const auto none = co_await rm::move_on_after(1ms, answer.get());
    CHECK_FALSE(none);
    to.set_value(std::make_unique<int>(3));
    const std::unique_ptr<int> got = co_await answer.get();
    REQUIRE(got);
    CHECK(*got == 3);
  };
  run(body());
}

TEST_CASE("a task that was cancelled before it could wait for a oneshot takes nothing") {
  auto body = []() -> rm::task<> {
    rm::oneshot<int> answer;
    auto to = answer.make_sender();
    rm::nursery children;
    bool went_on = false;
    auto child = [&]() -> rm::task<> {
      children.cancel();
      co_await answer.get();
      went_on = true;
    };
    co_await children.run(child);
    CHECK_FALSE(went_on);
    to.set_value(1);
    const int got = co_await answer.get();
    CHECK(got == 1);
  };
  run(body());
}

TEST_CASE("a value that was set in the same turn as a cancel is received") {
  auto body = []() -> rm::task<> {
    rm::oneshot<int> answer;
    auto to = answer.make_sender();
    rm::nursery children;
    int received = 0;
    auto child = [&]() -> rm::task<> { received = co_await answer.get(); };
    auto start = [&]() -> rm::task<> {
      children.start(child);
      co_await rm::yield();
      to.set_value(5);
      children.cancel();
    };
    co_await children.run(start);
    CHECK(received == 5);
  };
  run(body());
}

TEST_CASE("void and references can be sent") {
  auto body = []() -> rm::task<> {
    rm::oneshot<> done;
    auto to = done.make_sender();
    to.set_value();
    co_await done.get();
    rm::oneshot<int&> where;
    auto pointer = where.make_sender();
    int here = 1;
    pointer.set_value(here);
    int& found = co_await where.get();
    CHECK(&found == &here);
  };
  run(body());
}

TEST_CASE("misuse of a oneshot is refused: set twice, two senders, no sender, taken twice, two that wait") {
  auto body = []() -> rm::task<> {
    rm::oneshot<int> answer;
    const rm::result<int> early = co_await rm::as_result(answer.get());
    CHECK_THROWS_AS(static_cast<void>(early.value()), std::logic_error);
    auto to = answer.make_sender();
    CHECK_THROWS_AS(static_cast<void>(answer.make_sender()), std::logic_error);
    get_probe waiting(answer.get());
    const rm::result<int> second = co_await rm::as_result(answer.get());
    CHECK_THROWS_AS(static_cast<void>(second.value()), std::logic_error);
    to.set_value(1);
    CHECK_THROWS_AS(to.set_value(2), std::logic_error);
    CHECK_THROWS_AS(to.set_error(std::make_exception_ptr(1)), std::logic_error);
    CHECK(waiting.result() == 1);
    const rm::result<int> again = co_await rm::as_result(answer.get());
    CHECK_THROWS_AS(static_cast<void>(again.value()), std::logic_error);
    auto moved_sender = std::move(to);
    CHECK_THROWS_AS(to.set_value(3), std::logic_error);
    const auto moved = std::move(answer);
    CHECK_THROWS_AS(static_cast<void>(answer.get()), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(answer.make_sender()), std::logic_error);
    co_await rm::yield();
  };
  run(body());
}

TEST_CASE("either side may be gone first, and what nobody received is destroyed with the other") {
  int alive = 0;
  auto body = [&]() -> rm::task<> {
    auto answer = std::make_unique<rm::oneshot<std::unique_ptr<support::tracked>>>();
    auto to = answer->make_sender();
    answer.reset();
    to.set_value(std::make_unique<support::tracked>(alive));
    CHECK(alive == 1);

    auto other = std::make_unique<rm::oneshot<int>>();
    auto from = other->make_sender();
    get_probe waiting(other->get());
    other.reset();
    from.set_value(4);
    CHECK(waiting.result() == 4);
    co_await rm::yield();
  };
  run(body());
  CHECK(alive == 0);
}

TEST_CASE("a sender that is assigned over abandons what it had") {
  auto body = []() -> rm::task<> {
    rm::oneshot<int> first, second;
    auto to = first.make_sender();
    get_probe waiting(first.get());
    to = second.make_sender();
    CHECK_THROWS_AS(static_cast<void>(waiting.result()), rm::abandoned_error);
    to.set_value(2);
    const int got = co_await second.get();
    CHECK(got == 2);
    co_await rm::yield();
  };
  run(body());
}
