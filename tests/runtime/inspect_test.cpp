#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <string>

#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/inspect.hpp>
#include <ringmill/runtime/named.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/semaphore.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/run.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using support::contains;
using support::line_with;
using support::run;
using namespace std::chrono_literals;

namespace {

constexpr int sleep_line = __LINE__ + 1;
rm::task<> sleep_an_hour() { co_await rm::sleep_for(1h); }
rm::task<> awaits_a_sleeper() { co_await sleep_an_hour(); }
constexpr int wait_line = __LINE__ + 1;
rm::task<> wait_for(rm::event& gate) { co_await gate.wait(); }
rm::task<> take_permit(rm::semaphore& places) { co_await places.acquire(); }

rm::task<> chain(int length, rm::event& gate) {
  if (length == 0) {
    co_await gate.wait();
  } else {
    co_await chain(length - 1, gate);
  }
}

/// Cannot be cancelled as long as nobody sets the gate.
class stubborn {
 public:
  explicit stubborn(rm::event& gate) noexcept : inner_(gate.wait()) {}
  bool await_ready() const noexcept { return inner_.await_ready(); }
  bool await_suspend(rm::waiter& who) noexcept { return inner_.await_suspend(who); }
  void await_resume() const noexcept {}
  rm::cancel_result await_cancel(rm::cancel_reason) noexcept { return rm::cancel_result::pending(); }
  bool await_must_resume() const noexcept { return false; }

 private:
  rm::event::wait_awaiter inner_;
};
rm::task<> refuse_to_end(rm::event& gate) { co_await stubborn(gate); }

/// Starts `function(args...)` beside itself and gives the tree of tasks `later`.
template <class Function, class... Args>
rm::task<std::string> tree_beside(std::chrono::milliseconds later, Function function, Args... args) {
  std::string tree;
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start(function, args...);
    co_await rm::sleep_for(later);
    tree = rm::dump_tasks();
    both.cancel();
  });
  co_return tree;
}

}  // namespace

TEST_CASE("without a loop the dump says so") { CHECK(rm::dump_tasks() == "no loop runs on this thread\n"); }

TEST_CASE("each task has a line with its function, file and line, what it waits for and for how long") {
  const std::string tree = run(tree_beside(1500ms, &sleep_an_hour));
  const std::string sleeper = line_with(tree, "sleep_an_hour");
  contains(sleeper, "inspect_test.cpp:" + std::to_string(sleep_line));
  contains(sleeper, "waiting 1.500 s: sleep_for, 3598.500 s left");
  const std::string body = line_with(tree, "nursery of 2");
  contains(body, "inspect_test.cpp:");
}

TEST_CASE("what is awaited stands below the one who awaits it, indented by one step more") {
  const std::string tree = run(tree_beside(1ms, &awaits_a_sleeper));
  const std::size_t outer = line_with(tree, "awaits_a_sleeper").find('-');
  const std::size_t inner = line_with(tree, "sleep_an_hour").find('-');
  CHECK(inner == outer + 2);
  CHECK(tree.find("awaits_a_sleeper") < tree.find("sleep_an_hour"));
}

TEST_CASE("the running task says that it runs") {
  const std::string tree = run([]() -> rm::task<std::string> {
    co_await rm::yield();
    co_return rm::dump_tasks();
  }());
  contains(tree, ", running\n");
}

TEST_CASE("a task has the name that was given to it, and what it awaits has not") {
  const auto client = []() -> rm::task<> {
    co_await rm::named("client 7", []() -> rm::task<> { co_await sleep_an_hour(); }());
  };
  const std::string tree = run(tree_beside(1ms, std::ref(client)));
  contains(tree, "- \"client 7\" ");
  CHECK(line_with(tree, "sleep_an_hour").find("client 7") == std::string::npos);
}

TEST_CASE("children of a nursery are listed oldest first, with what they wait for") {
  rm::event gate;
  rm::semaphore places(0);
  std::string tree;
  const auto body = [&]() -> rm::task<> {
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(wait_for, std::ref(gate));
      group.start(take_permit, std::ref(places));
      co_await rm::sleep_for(1ms);
      tree = rm::dump_tasks();
      group.cancel();
    });
  };
  run(body());
  contains(tree, "nursery of 3");
  contains(line_with(tree, "wait_for"), ": an event 0x");
  contains(line_with(tree, "take_permit"), ": a semaphore 0x");
  CHECK(tree.find("wait_for") < tree.find("take_permit"));
}

TEST_CASE("time limits and when_all show what is inside of them") {
  const auto limited = []() -> rm::task<> { co_await rm::with_timeout(10s, sleep_an_hour()); };
  const std::string in_limit = run(tree_beside(4s, std::ref(limited)));
  contains(in_limit, ": time limit, 6.000 s left");
  contains(in_limit, "sleep_an_hour");

  rm::event gate;
  const auto all = [&gate]() -> rm::task<> { co_await rm::when_all(sleep_an_hour(), wait_for(gate)); };
  const std::string in_all = run(tree_beside(1ms, std::ref(all)));
  contains(in_all, ": when_all");
  contains(in_all, "sleep_an_hour");
  contains(in_all, "wait_for");
}

TEST_CASE("a task that was asked to stop says why") {
  support::seeded_case::without_harm();
  rm::event gate;
  std::string tree;
  const auto body = [&]() -> rm::task<> {
    rm::nursery group;
    rm::nursery outer;
    co_await outer.run([&]() -> rm::task<> {
      outer.start([&]() -> rm::task<> { co_await group.run([&]() -> rm::task<> { co_await refuse_to_end(gate); }); });
      co_await rm::sleep_for(1ms);
      group.cancel(rm::cancel_reason("the test is over"));
      tree = rm::dump_tasks();
      gate.set();
      co_await rm::yield();
    });
  };
  run(body());
  contains(line_with(tree, "refuse_to_end"), "(asked to stop: the test is over)");
  contains(tree, "nursery of 1, cancelled");
}

TEST_CASE("a detached task is listed beside the root") {
  const std::string tree = run([]() -> rm::task<std::string> {
    rm::loop::current().detach(sleep_an_hour);
    co_await rm::sleep_for(1ms);
    co_return rm::dump_tasks();
  }());
  CHECK(line_with(tree, "sleep_an_hour").find("- ") == 0);
}

TEST_CASE("a chain of 100,000 awaits is dumped without overflowing the stack, and cut at 10,000 lines") {
  rm::event gate;
  std::string tree;
  const auto body = [&]() -> rm::task<> {
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(chain, 100'000, std::ref(gate));
      for (int i = 0; i < 2'000; ++i) co_await rm::yield();
      tree = rm::dump_tasks();
      gate.set();
    });
  };
  run(body());
  contains(tree, "... and more: only the first 10000 tasks are listed");
  CHECK(tree.size() < 4'000'000);
}

TEST_CASE("the message of a deadlock contains the tree") {
  rm::event gate;
  const auto body = [&]() -> rm::task<> { co_await wait_for(gate); };
  std::string message;
  try {
    run(body());
  } catch (const rm::deadlock_error& error) {
    message = error.what();
  }
  contains(message, "deadlock: every task waits for another one");
  contains(line_with(message, "wait_for"), "inspect_test.cpp:" + std::to_string(wait_line));
  contains(line_with(message, "wait_for"), ": an event 0x");
}

TEST_CASE("a name changes nothing about what it stands around: a shield is started, a time limit is over") {
  auto body = []() -> rm::task<> {
    bool shielded = false;
    rm::nursery group;
    auto child = [&]() -> rm::task<> {
      group.cancel();
      co_await rm::named("keeper", rm::shield(rm::sleep_for(1ms)));
      shielded = true;
    };
    co_await group.run(child);
    CHECK(shielded);
    auto at_once = []() -> rm::task<int> { co_return 3; };
    const std::optional<int> value = co_await rm::move_on_after(0ms, rm::named("fast", at_once()));
    CHECK(value == 3);
  };
  run(body());
}
