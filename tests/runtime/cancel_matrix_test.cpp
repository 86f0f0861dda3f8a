// The cancel matrix: everything that can be awaited, cancelled at every moment at which that makes a difference.
//
// Whatever the moment: the task ends, every frame is destroyed, and what it waited for is as if it had never waited, or
// its result was taken. The rows are made in cancel_subjects.cpp, the columns are the tests below.
#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <utility>

#include <ringmill/runtime/frame_memory.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/lifetime.hpp"
#include "../support/run.hpp"
#include "cancel_subjects.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

/// One cell of the matrix.
class cell {
 public:
  explicit cell(support::cancel_subject made) : subject(std::move(made)) {}

  /// The task under test.
  rm::task<> wait() {
    const support::tracked here(alive);
    co_await subject.wait();
    reached = true;
    co_await rm::sleep_for(1ms);
    went_on = true;
  }

  bool is_timed() const { return !subject.complete; }

  /// Some other task does what makes a subject end that no cancel stops.
  rm::task<> complete_if_needed() {
    if (!subject.stops) {
      co_await rm::testing::all_blocked();
      subject.complete();
    }
  }

  support::cancel_subject subject;
  int alive = 0;
  bool reached = false;
  bool went_on = false;
};

/// Runs `moment(cell, nursery)` as the body of a nursery, once for each subject, and checks what has to hold always.
template <class Moment, class Check>
void for_each_subject(Moment moment, Check check) {
  support::seeded_case::without_harm();  // what a cancel does not stop is ended by the test
  support::for_each_or_drawn(support::all_cancel_subjects(), [&](const auto& make) {
    const auto frames_before = rm::current_frame_statistics().live;
    {
      auto root = [&]() -> rm::task<> {
        cell here(make());
        CAPTURE(here.subject.name);
        rm::nursery group;
        auto body = [&]() -> rm::task<> { co_await moment(here, group); };
        co_await group.run(body);
        CHECK(here.alive == 0);
        CHECK(here.subject.is_clean());
        check(here);
        co_await rm::testing::all_blocked();
      };
      support::run(root());
    }
    CHECK(rm::current_frame_statistics().live == frames_before);
  });
}

}  // namespace

TEST_CASE("cancel matrix: not at all, and everything ends with its result") {
  auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    group.start([&] { return here.wait(); });
    co_await rm::testing::all_blocked();
    if (!here.is_timed()) here.subject.complete();
  };
  for_each_subject(moment, [](const cell& here) {
    CHECK(here.reached);
    CHECK(here.went_on);
  });
}

TEST_CASE("cancel matrix: before the start, and nothing is started") {
  auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    auto child = [&]() -> rm::task<> {
      group.cancel();
      co_await here.wait();
    };
    group.start(child);
    group.start([&] { return here.complete_if_needed(); });
    co_return;
  };
  for_each_subject(moment, [](const cell& here) {
    CHECK_FALSE(here.reached);
    CHECK_FALSE(here.went_on);
  });
}

TEST_CASE("cancel matrix: in the turn in which it was started") {
  auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    rm::nursery inner;
    auto start = [&]() -> rm::task<> {
      inner.start([&] { return here.wait(); });
      inner.start([&]() -> rm::task<> {
        inner.cancel();
        co_return;
      });
      co_return;
    };
    group.start([&] { return here.complete_if_needed(); });
    co_await inner.run(start);
  };
  for_each_subject(moment, [](const cell& here) { CHECK_FALSE(here.went_on); });
}

TEST_CASE("cancel matrix: while it is suspended, and the task is unwound") {
  auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    rm::nursery inner;
    auto start = [&]() -> rm::task<> {
      inner.start([&] { return here.wait(); });
      if (here.subject.blocks) co_await rm::testing::all_blocked();
      inner.cancel();
    };
    group.start([&]() -> rm::task<> {
      co_await rm::testing::all_blocked();
      co_await here.complete_if_needed();
    });
    co_await inner.run(start);
  };
  for_each_subject(moment, [](const cell& here) {
    if (here.subject.blocks) CHECK(here.reached == !here.subject.stops);
    CHECK_FALSE(here.went_on);
  });
}

TEST_CASE("cancel matrix: right after its completion, and the result is delivered") {
  auto moment = [](cell& here, rm::nursery&) -> rm::task<> {
    rm::nursery inner;
    auto start = [&]() -> rm::task<> {
      if (here.is_timed()) {
        // Its timer is armed first, so both fire in one turn, and this task runs before the other.
        auto canceller = [&]() -> rm::task<> {
          co_await rm::sleep_for(1s);
          inner.cancel();
        };
        inner.start(canceller);
        inner.start([&] { return here.wait(); });
        co_return;
      }
      inner.start([&] { return here.wait(); });
      co_await rm::testing::all_blocked();
      here.subject.complete();
      inner.cancel();
    };
    co_await inner.run(start);
  };
  for_each_subject(moment, [](const cell& here) {
    if (here.subject.keeps_result) CHECK(here.reached);
    CHECK_FALSE(here.went_on);
  });
}

TEST_CASE("cancel matrix: right before its completion, which then comes too late or is delivered") {
  auto moment = [](cell& here, rm::nursery&) -> rm::task<> {
    rm::nursery inner;
    auto start = [&]() -> rm::task<> {
      inner.start([&] { return here.wait(); });
      co_await rm::testing::all_blocked();
      inner.cancel();
      if (!here.is_timed()) here.subject.complete();
    };
    co_await inner.run(start);
  };
  for_each_subject(moment, [](const cell& here) { CHECK_FALSE(here.went_on); });
}

TEST_CASE("cancel matrix: after it has ended, and the task is unwound at its next suspension") {
  auto moment = [](cell& here, rm::nursery&) -> rm::task<> {
    rm::nursery inner;
    auto start = [&]() -> rm::task<> {
      inner.start([&] { return here.wait(); });
      co_await rm::testing::all_blocked();
      if (here.is_timed()) co_await rm::sleep_for(1s);
      if (!here.is_timed()) here.subject.complete();
      while (!here.reached) co_await rm::sleep_for(100us);
      inner.cancel();
    };
    co_await inner.run(start);
  };
  for_each_subject(moment, [](const cell& here) {
    CHECK(here.reached);
    CHECK_FALSE(here.went_on);
  });
}

TEST_CASE("cancel matrix: twice, from two nurseries around it, in one turn and in two") {
  for (const bool in_one_turn : {true, false}) {
    auto moment = [&](cell& here, rm::nursery&) -> rm::task<> {
      rm::nursery outer;
      rm::nursery inner;
      auto complete = [&]() -> rm::task<> {
        co_await rm::testing::all_blocked();
        co_await here.complete_if_needed();
      };
      auto start = [&]() -> rm::task<> {
        inner.start([&] { return here.wait(); });
        co_await rm::testing::all_blocked();
        inner.cancel();
        inner.cancel();
        if (!in_one_turn) co_await rm::shield(rm::yield());
        outer.cancel();
      };
      auto start_both = [&]() -> rm::task<> {
        outer.start([&] { return rm::shield(complete()); });
        co_await inner.run(start);
      };
      co_await outer.run(start_both);
    };
    for_each_subject(moment, [](const cell& here) { CHECK_FALSE(here.went_on); });
  }
}

TEST_CASE("cancel matrix: by a time limit around it") {
  auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    group.start([&]() -> rm::task<> {
      co_await rm::sleep_for(10us);
      if (!here.subject.stops) here.subject.complete();
    });
    const bool ended = co_await rm::move_on_after(5us, here.wait());
    CHECK_FALSE(ended);
  };
  for_each_subject(moment, [](const cell& here) { CHECK_FALSE(here.went_on); });
}

TEST_CASE("cancel matrix: by the shutdown of the loop") {
  for (const auto& make : support::all_cancel_subjects()) {
    const auto frames_before = rm::current_frame_statistics().live;
    rm::testing::virtual_clock clock;
    rm::loop loop(clock);
    std::optional<cell> here;
    auto root = [&]() -> rm::task<> {
      here.emplace(make());
      rm::loop::current().detach([&] { return here->wait(); });
      if (here->subject.blocks) co_await rm::testing::all_blocked();
      if (!here->subject.stops) rm::loop::current().post([&] { here->subject.complete(); });
    };
    loop.run(root());
    CAPTURE(here->subject.name);
    CHECK(here->alive == 0);
    CHECK_FALSE(here->went_on);
    {
      const rm::loop::attachment mine(loop);
      CHECK(here->subject.is_clean());
      here.reset();
    }
    CHECK(rm::current_frame_statistics().live == frames_before);
  }
}
