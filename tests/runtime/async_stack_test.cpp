#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <string>

#include <ringmill/runtime/async_stack.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/log_capture.hpp"
#include "../support/run.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using support::contains;
using support::line_with;
using support::log_capture;
using support::run;
using namespace std::chrono_literals;

namespace {

constexpr int innermost_line = __LINE__ + 2;
rm::task<> innermost() {
  co_await rm::sleep_for(1ms);
  throw std::runtime_error("broken on purpose");
}
rm::task<> middle() { co_await innermost(); }
rm::task<> outermost() { co_await middle(); }
rm::task<> fails_before_it_awaits() {
  throw std::runtime_error("at once");
  co_return;
}
rm::task<> fail_with(std::chrono::milliseconds delay, std::string what) {
  co_await rm::sleep_for(delay);
  throw std::runtime_error(what);
}
/// Its error and that of the other one come in the same turn, so no cancel is in time.
rm::task<> fail_in_the_same_turn() {
  co_await rm::sleep_for(5ms);
  throw std::runtime_error("the second error");
}

template <class Body>
std::exception_ptr error_of(Body&& body) {
  try {
    run(body());
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

}  // namespace

TEST_CASE("an error has the awaits that it passed, innermost first") {
  const std::exception_ptr error = error_of(outermost);
  REQUIRE(error);
  const std::string stack = rm::async_stack(error);
  const auto line = [](int number) { return "async_stack_test.cpp:" + std::to_string(number) + " in "; };
  CHECK(line_with(stack, "innermost").starts_with("  at "));
  contains(line_with(stack, "innermost"), line(innermost_line));
  contains(line_with(stack, "middle"), line(innermost_line + 3));
  contains(line_with(stack, "outermost"), line(innermost_line + 4));
  CHECK(stack.find("innermost") < stack.find("middle"));
  CHECK(stack.find("middle") < stack.find("outermost"));
}

TEST_CASE("describe_error gives the text and the awaits below it") {
  const std::string text = rm::describe_error(error_of(outermost));
  CHECK(text.starts_with("broken on purpose\n  at "));
  CHECK_FALSE(text.ends_with('\n'));
  CHECK(rm::describe_error(nullptr) == "no error");
  CHECK(rm::describe_error(std::make_exception_ptr(5)) == "an error of an unknown type");
  CHECK(rm::describe_error(std::make_exception_ptr(std::runtime_error("plain"))) == "plain");
}

TEST_CASE("a task that never awaited has no line, those that awaited it have") {
  const auto body = []() -> rm::task<> { co_await fails_before_it_awaits(); };
  const std::string stack = rm::async_stack(error_of(body));
  CHECK(stack.find("fails_before_it_awaits") == std::string::npos);
  contains(stack, "async_stack_test.cpp:");
}

TEST_CASE("the awaits are kept through a nursery") {
  const auto body = []() -> rm::task<> {
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(outermost);
      co_return;
    });
  };
  const std::string stack = rm::async_stack(error_of(body));
  contains(stack, "innermost");
  contains(stack, "outermost");
  // The nursery's own await, below those of the child.
  CHECK(stack.find("outermost") < stack.rfind("  at "));
}

TEST_CASE("the awaits are kept through when_all") {
  const auto body = []() -> rm::task<> { co_await rm::when_all(outermost(), rm::sleep_for(1h)); };
  const std::string stack = rm::async_stack(error_of(body));
  contains(stack, "innermost");
  CHECK(stack.find("outermost") < stack.rfind("  at "));
}

TEST_CASE("an error that is caught and thrown on is the same error") {
  const auto body = []() -> rm::task<> {
    try {
      co_await outermost();
    } catch (const std::runtime_error&) {
      throw;
    }
  };
  contains(rm::async_stack(error_of(body)), "innermost");
}

TEST_CASE("after many other errors the awaits of an old one are forgotten, not mixed up") {
  const std::exception_ptr old = error_of(outermost);
  for (int i = 0; i < 8; ++i) error_of(middle);
  CHECK(rm::async_stack(old).empty());
}

TEST_CASE("a nursery's further errors are logged with their awaits, if nobody looks at them") {
  const log_capture log;
  const auto body = []() -> rm::task<> {
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start(fail_with, 5ms, std::string("the first error"));
      group.start(fail_in_the_same_turn);
      co_return;
    });
  };
  const std::string first = rm::describe_error(error_of(body));
  CHECK(first.starts_with("the first error"));
  contains(log.text(), "a nursery had one more error: the second error\n  at ");
  contains(log.text(), "fail_in_the_same_turn");
}

TEST_CASE("further errors that somebody looked at are not logged") {
  const log_capture log;
  std::size_t further = 0;
  const auto body = [&]() -> rm::task<> {
    rm::nursery group;
    try {
      co_await group.run([&]() -> rm::task<> {
        group.start(fail_with, 5ms, std::string("the first error"));
        group.start(fail_in_the_same_turn);
        co_return;
      });
    } catch (const std::runtime_error&) {
      further = group.suppressed().size();
    }
  };
  run(body());
  CHECK(further == 1);
  CHECK(log.text().empty());
}
