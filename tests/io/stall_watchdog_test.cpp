#include <doctest/doctest.h>

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/io/stall_watchdog.hpp>
#include <ringmill/ringmill.hpp>
#include <ringmill/runtime/named.hpp>

#include "../support/log_capture.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using support::contains;
using namespace std::chrono_literals;

namespace {

/// Holds the thread, as a computation would.
void compute_for(std::chrono::milliseconds length) {
  const auto end = std::chrono::steady_clock::now() + length;
  while (std::chrono::steady_clock::now() < end) continue;
}

rm::task<> hold_the_loop(std::chrono::milliseconds length) {
  co_await rm::yield();
  compute_for(length);
}
rm::task<> await_the_culprit(std::chrono::milliseconds length) { co_await hold_the_loop(length); }

/// Keeps what a watchdog reports.
class reports {
 public:
  rm::stall_watchdog::report_function keeper() {
    return [this](std::string_view text) {
      const std::lock_guard lock(mutex_);
      all_.emplace_back(text);
    };
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> all_;
};

rm::task<> until_there_are(std::size_t count, reports& kept) {
  while (kept.all().size() < count) co_await rm::sleep_for(5ms);
}

/// Is the watchdog's signal?
bool is_ignored() {
  struct sigaction now {};
  sigaction(SIGRTMAX - 1, nullptr, &now);
  return now.sa_handler == SIG_IGN;
}

}  // namespace

TEST_CASE(
    "a coroutine that holds the loop is named, with those that await it, and the length of the stall at its end") {
  reports kept;
  const auto body = [&]() -> rm::task<> {
    const rm::stall_watchdog watchdog(20ms, kept.keeper());
    co_await rm::sleep_for(1ms);
    co_await rm::named("the slow one", await_the_culprit(200ms));
    co_await until_there_are(2, kept);
    co_await rm::sleep_for(50ms);
  };
  rm::run(body());
  const std::vector<std::string> all = kept.all();
  REQUIRE(all.size() >= 2);
  CHECK(all[0].starts_with("the loop has been held for "));
  contains(support::line_with(all[0], "hold_the_loop"), "whose last await was at ");
  contains(support::line_with(all[0], "hold_the_loop"), "stall_watchdog_test.cpp:");
  contains(support::line_with(all[0], "await_the_culprit"), "awaited by \"the slow one\" ");
  contains(all[0], "\n    ");  // the backtrace
  CHECK(all[1].starts_with("the loop goes on, after a stall of "));
}

TEST_CASE("a stall before the first await is found too") {
  reports kept;
  const auto body = [&]() -> rm::task<> {
    const rm::stall_watchdog watchdog(20ms, kept.keeper());
    compute_for(150ms);
    co_await until_there_are(2, kept);
  };
  rm::run(body());
  contains(kept.all()[0], "a task that has not awaited anything");
}

// On a busy machine a turn of the test itself may take too long, too: so only the reports about one function count.
TEST_CASE("each stall is reported once") {
  reports kept;
  const auto body = [&]() -> rm::task<> {
    const rm::stall_watchdog watchdog(20ms, kept.keeper());
    for (int i = 0; i < 3; ++i) co_await hold_the_loop(150ms);
    co_await until_there_are(6, kept);
    co_await rm::sleep_for(50ms);
  };
  rm::run(body());
  const std::vector<std::string> all = kept.all();
  const auto is_about_it = [](const std::string& one) { return one.find("hold_the_loop") != std::string::npos; };
  CHECK(std::count_if(all.begin(), all.end(), is_about_it) == 3);
}

TEST_CASE("a loop that waits, and one that is busy with many short turns, is not stalled") {
  reports kept;
  const auto body = [&]() -> rm::task<> {
    const rm::stall_watchdog watchdog(500ms, kept.keeper());
    co_await rm::sleep_for(700ms);
    const rm::time_point end = rm::loop::current().now() + 700ms;
    while (rm::loop::current().now() < end) co_await rm::yield();
  };
  rm::run(body());
  CHECK(kept.all().empty());
}

TEST_CASE("without a function of one's own the reports go to the log") {
  const support::log_capture log;
  const auto body = [&]() -> rm::task<> {
    const rm::stall_watchdog watchdog(20ms);
    co_await hold_the_loop(150ms);
    while (log.messages() < 2) co_await rm::sleep_for(5ms);
  };
  rm::run(body());
  contains(log.text(), "hold_the_loop");
}

TEST_CASE("the signal's handler is back when the last watchdog is gone") {
  struct sigaction own {};
  own.sa_handler = SIG_IGN;
  struct sigaction original {};
  sigaction(SIGRTMAX - 1, &own, &original);
  const auto body = []() -> rm::task<> {
    {
      const rm::stall_watchdog watchdog(20ms, [](std::string_view) {});
      CHECK_FALSE(is_ignored());
      co_await hold_the_loop(60ms);
    }
    CHECK(is_ignored());
  };
  rm::run(body());
  sigaction(SIGRTMAX - 1, &original, nullptr);
}

TEST_CASE("a watchdog needs a loop, and a thread has one watchdog") {
  CHECK_THROWS_AS(rm::stall_watchdog{20ms}, std::logic_error);
  const auto body = []() -> rm::task<> {
    const rm::stall_watchdog first(1s);
    CHECK_THROWS_WITH_AS(rm::stall_watchdog{20ms}, "this thread has a stall_watchdog already", std::logic_error);
    co_return;
  };
  rm::run(body());
}
