// How a run ends: what is detached ends with the root, at once, and no error is lost.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>

#include "../support/lifetime.hpp"
#include "../support/log_capture.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

rm::task<> sleep_long(support::tracked) { co_await rm::sleep_for(1h); }

/// Fails while it is cancelled.
class throwing_cleanup {
 public:
  explicit throwing_cleanup(rm::loop& here) : loop_(here) {}
  throwing_cleanup(const throwing_cleanup&) = default;
  ~throwing_cleanup() {
    if (armed_) loop_.post([] { throw std::runtime_error("the detached task's"); });
  }
  void arm() { armed_ = true; }

 private:
  rm::loop& loop_;
  bool armed_ = false;
};

rm::task<> fail_when_cancelled(rm::loop* here) {
  throwing_cleanup guard(*here);
  guard.arm();
  co_await rm::sleep_for(1h);
}

}  // namespace

TEST_CASE("a run ends when its root has ended, whatever a detached task waits for") {
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  int alive = 0;
  const rm::time_point start = here.now();
  auto root = [&]() -> rm::task<> {
    here.detach(sleep_long, support::tracked(alive));
    co_await rm::sleep_for(10ms);
  };
  here.run(root());
  CHECK(here.now() - start == 10ms);
  CHECK(alive == 0);
}

TEST_CASE("the root's error is thrown and the detached task's is logged") {
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  auto root = [&]() -> rm::task<> {
    here.detach(fail_when_cancelled, &here);
    co_await rm::sleep_for(10ms);
    throw std::logic_error("the root's");
  };
  const support::log_capture logged;
  CHECK_THROWS_WITH_AS(here.run(root()), "the root's", std::logic_error);
  CHECK(logged.text().find("the detached task's") != std::string::npos);
}

TEST_CASE("an error handler may replace itself") {
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  int handled = 0;
  here.set_error_handler([&](std::exception_ptr) {
    here.set_error_handler([&](std::exception_ptr) { handled += 10; });
    ++handled;
  });
  auto root = [&]() -> rm::task<> {
    auto fail = []() -> rm::task<> {
      throw std::runtime_error("of a detached task");
      co_return;
    };
    here.detach(fail);
    here.detach(fail);
    co_await rm::sleep_for(1ms);
  };
  here.run(root());
  CHECK(handled == 11);
}
