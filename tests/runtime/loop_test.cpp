#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/named.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>

#include "../support/lifetime.hpp"
#include "../support/log_capture.hpp"
#include "../support/run.hpp"
#include "../support/text.hpp"
#include "child_tasks.hpp"

namespace rm = ringmill;
using support::contains;
using support::log_capture;
using support::note_after;
using support::run;
using support::sleep_alive;
using support::throw_after;
using namespace std::chrono_literals;

namespace {

/// Takes `length` to end once it was asked to.
class slow_to_stop {
 public:
  explicit slow_to_stop(std::chrono::seconds length) noexcept : sleep_(rm::sleep_for(length)) {}
  bool await_ready() const noexcept { return sleep_.await_ready(); }
  bool await_suspend(rm::waiter& who) { return sleep_.await_suspend(who); }
  void await_resume() const noexcept {}
  rm::cancel_result await_cancel(rm::cancel_reason) noexcept { return rm::cancel_result::pending(); }
  bool await_must_resume() const noexcept { return false; }
  void await_describe(rm::task_writer& out) const { out.text("something slow to stop"); }

 private:
  rm::detail::sleep_awaiter sleep_;
};
rm::task<> stop_slowly(std::chrono::seconds length, int& alive) {
  const support::tracked here(alive);
  co_await slow_to_stop(length);
}

}  // namespace

TEST_CASE("a detached task runs beside the root, and not inside the call") {
  std::vector<int> notes;
  const auto body = [&]() -> rm::task<> {
    rm::loop& here = rm::loop::current();
    here.detach(note_after, 0ms, std::ref(notes), 2);
    notes.push_back(1);
    CHECK(here.detached_tasks() == 1);
    co_await rm::sleep_for(1ms);
    CHECK(here.detached_tasks() == 0);
    here.detach(note_after, 1ms, std::ref(notes), 3);
    co_await rm::sleep_for(2ms);
  };
  run(body());
  CHECK(notes == std::vector<int>{1, 2, 3});
}

TEST_CASE("the end of the root cancels what is detached, and run awaits it") {
  int alive = 0;
  const auto body = [&]() -> rm::task<> {
    rm::loop::current().detach(sleep_alive, std::ref(alive));
    co_await rm::sleep_for(1ms);
    CHECK(alive == 1);
  };
  run(body());
  CHECK(alive == 0);
}

TEST_CASE("an error of a detached task that nobody handles cancels the root and is thrown by run") {
  int alive = 0;
  const auto body = [&]() -> rm::task<> {
    rm::loop::current().detach(throw_after, 5ms, std::string("nobody handles this"));
    co_await sleep_alive(alive);
  };
  CHECK_THROWS_WITH_AS(run(body()), "nobody handles this", std::runtime_error);
  CHECK(alive == 0);
}

TEST_CASE("the second error that nobody handles is logged") {
  const log_capture log;
  const auto body = []() -> rm::task<> {
    rm::loop& here = rm::loop::current();
    here.detach(throw_after, 5ms, std::string("the first"));
    here.detach(throw_after, 5ms, std::string("the second"));
    co_await rm::sleep_for(1h);
  };
  CHECK_THROWS_WITH_AS(run(body()), "the first", std::runtime_error);
  contains(log.text(), "one more error that nobody handles: the second\n  at ");
}

TEST_CASE("an error handler takes the errors of detached tasks, and the root goes on") {
  std::vector<std::string> handled;
  int ended = 0;
  const auto body = [&]() -> rm::task<> {
    rm::loop& here = rm::loop::current();
    here.set_error_handler([&](std::exception_ptr error) {
      try {
        std::rethrow_exception(error);
      } catch (const std::runtime_error& known) {
        handled.emplace_back(known.what());
      }
    });
    here.detach(throw_after, 1ms, std::string("one"));
    here.detach(throw_after, 2ms, std::string("two"));
    co_await rm::sleep_for(5ms);
    ++ended;
  };
  run(body());
  CHECK(handled == std::vector<std::string>{"one", "two"});
  CHECK(ended == 1);
}

TEST_CASE("what the error handler throws counts as the error") {
  const auto body = []() -> rm::task<> {
    rm::loop& here = rm::loop::current();
    here.set_error_handler([](std::exception_ptr) { throw std::logic_error("from the handler"); });
    here.detach(throw_after, 1ms, std::string("original"));
    co_await rm::sleep_for(1h);
  };
  CHECK_THROWS_WITH_AS(run(body()), "from the handler", std::logic_error);
}

TEST_CASE("detached tasks are told why they are stopped, and may detach nothing that outlives the loop") {
  support::seeded_case::without_harm();
  std::string reason;
  int alive = 0;
  class on_exit {
   public:
    on_exit(std::string& reason, int& alive) : reason_(reason), alive_(alive) {}
    on_exit(const on_exit&) = delete;
    on_exit& operator=(const on_exit&) = delete;
    ~on_exit() {
      reason_ = rm::current_cancel_reason().text();
      rm::loop::current().detach(sleep_alive, std::ref(alive_));
    }

   private:
    std::string& reason_;
    int& alive_;
  };
  const auto body = [&]() -> rm::task<> {
    rm::loop::current().detach([&]() -> rm::task<> {
      const on_exit leaving(reason, alive);
      co_await rm::sleep_for(1h);
    });
    co_await rm::yield();
    co_await rm::yield();
  };
  run(body());
  CHECK(reason == "its loop is shut down");
  CHECK(alive == 0);
}

TEST_CASE("tasks that have not ended after the patience of shutdown are named in the log, once") {
  const log_capture log;
  int alive = 0;
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  {
    const rm::loop::attachment attached(here);
    here.detach([&]() -> rm::task<> { co_await rm::named("the slow one", stop_slowly(60s, alive)); });
    here.run_once(rm::time_point::min());
    CHECK(log.text().empty());
    const rm::time_point start = here.now();
    here.shutdown(3s);
    CHECK(here.now() - start == 60s);
  }
  CHECK(alive == 0);
  contains(log.text(), "tasks that have not ended since the loop's shutdown began\n- ");
  contains(support::line_with(log.text(), "the slow one"), "waiting 3.000 s: something slow to stop");
  contains(log.text(), "asked to stop: its loop is shut down");
  CHECK(log.messages() == 1);
}

TEST_CASE("a shutdown in time logs nothing") {
  const log_capture log;
  int alive = 0;
  const auto body = [&]() -> rm::task<> {
    rm::loop::current().detach(stop_slowly, 9s, std::ref(alive));
    co_await rm::yield();
  };
  run(body());
  CHECK(alive == 0);
  CHECK(log.text().empty());
}

TEST_CASE("cancel_root ends the root, and run says that it was cancelled") {
  const auto body = []() -> rm::task<> {
    rm::loop::current().cancel_root();
    co_await rm::sleep_for(1h);
  };
  CHECK_THROWS_AS(run(body()), rm::operation_cancelled);
}

TEST_CASE("a posted function runs on the next turn, in order, and its error cancels the root") {
  std::vector<int> notes;
  const auto body = [&]() -> rm::task<> {
    rm::loop& here = rm::loop::current();
    here.post([&] { notes.push_back(2); });
    here.post([&] { notes.push_back(3); });
    notes.push_back(1);
    co_await rm::yield();
    CHECK(notes == std::vector<int>{1, 2, 3});
    CHECK(here.statistics().posted == 2);
    here.post([] { throw std::runtime_error("posted and broken"); });
    co_await rm::sleep_for(1h);
  };
  CHECK_THROWS_WITH_AS(run(body()), "posted and broken", std::runtime_error);
}

TEST_CASE("a posted function that is never called is destroyed with the loop") {
  int alive = 0;
  {
    rm::testing::virtual_clock clock;
    rm::loop here(clock);
    here.post([one = support::tracked(alive)] {});
    CHECK(alive == 1);
  }
  CHECK(alive == 0);
}

TEST_CASE("a host runs a loop turn by turn") {
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  const rm::loop::attachment attached(here);
  std::vector<int> notes;
  CHECK_FALSE(here.next_deadline().has_value());
  here.detach(note_after, 10ms, std::ref(notes), 1);
  CHECK(here.next_deadline() == here.now());
  here.run_once(rm::time_point::min());
  CHECK(here.next_deadline() == here.now() + 10ms);
  here.run_once(rm::time_point::min());
  CHECK(notes.empty());

  const rm::time_point limit = here.now() + 4ms;
  here.run_once(limit);
  CHECK(here.now() == limit);
  CHECK(notes.empty());
  here.run_once(rm::time_point::max());
  here.run_once(rm::time_point::min());
  CHECK(notes == std::vector<int>{1});
  here.run_once(rm::time_point::min());
  CHECK_FALSE(here.next_deadline().has_value());
  here.shutdown();
}

TEST_CASE("run_once throws the error that no detached task's handler took, once") {
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  const rm::loop::attachment attached(here);
  here.detach(throw_after, 0ms, std::string("for the host"));
  CHECK_THROWS_WITH_AS(here.run_once(rm::time_point::min()), "for the host", std::runtime_error);
  here.run_once(rm::time_point::min());
  here.shutdown();
}

TEST_CASE("between two turns a host may wake tasks") {
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  const rm::loop::attachment attached(here);
  rm::event gate;
  bool passed = false;
  here.detach([&]() -> rm::task<> {
    co_await gate.wait();
    passed = true;
  });
  here.run_once(rm::time_point::min());
  gate.set();
  CHECK(here.next_deadline() == here.now());
  here.run_once(rm::time_point::min());
  CHECK(passed);
  here.shutdown();
}

TEST_CASE("a thread has one loop") {
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  rm::loop other(clock);
  CHECK_THROWS_AS(rm::loop::current(), std::logic_error);
  {
    const rm::loop::attachment attached(here);
    CHECK(&rm::loop::current() == &here);
    CHECK_THROWS_WITH_AS(rm::loop::attachment{other}, "this thread has a loop already", std::logic_error);
    CHECK_THROWS_AS(other.run_once(rm::time_point::min()), std::logic_error);
  }
  CHECK_THROWS_AS(rm::loop::current(), std::logic_error);
}

TEST_CASE("run inside of a run throws and names the cure") {
  const auto inner = []() -> rm::task<> { co_return; };
  const auto body = [&]() -> rm::task<> {
    co_await rm::yield();
    CHECK_THROWS_WITH_AS(rm::loop::current().run(inner()),
                         "run() inside of a running loop: co_await the task instead, or start it in a nursery",
                         std::logic_error);
    CHECK_THROWS_AS(run(inner()), std::logic_error);
  };
  run(body());
}

TEST_CASE("a loop may run one task after another, and a thread one loop after another") {
  const auto give = [](int number) -> rm::task<int> {
    co_await rm::sleep_for(1ms);
    co_return number;
  };
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  CHECK(here.run(give(1)) == 1);
  CHECK(here.run(give(2)) == 2);
  CHECK_THROWS_AS(here.run(throw_after(1ms, "in between")), std::runtime_error);
  CHECK(here.run(give(3)) == 3);
  CHECK(run(give(4)) == 4);
}

TEST_CASE("the heartbeat is odd while tasks run, and even between the turns") {
  rm::testing::virtual_clock clock;
  rm::loop here(clock);
  CHECK(here.heartbeat() % 2 == 0);
  const auto body = [&]() -> rm::task<> {
    co_await rm::yield();
    const std::uint64_t first = here.heartbeat();
    CHECK(first % 2 == 1);
    co_await rm::yield();
    CHECK(here.heartbeat() > first);
  };
  here.run(body());
  CHECK(here.heartbeat() % 2 == 0);
}

TEST_CASE("timers are little late beside tasks that compute long between two yields, and those cost few clock reads") {
  // A clock that only the tasks advance, as if they computed.
  class working_clock final : public rm::driver {
   public:
    rm::time_point now() noexcept override { return ++reads, now_; }
    void poll() override {}
    void wait(std::optional<rm::time_point> deadline) override { now_ = deadline.value_or(now_); }
    bool can_wake() const noexcept override { return false; }
    void wake() noexcept override {}
    void work(rm::duration length) noexcept { now_ += length; }
    int reads = 0;

   private:
    rm::time_point now_ = rm::time_point() + 1h;
  };

  for (const rm::duration slice : {rm::duration(100ns), rm::duration(10us), rm::duration(500us), rm::duration(5ms)}) {
    working_clock clock;
    rm::loop here(clock);
    rm::duration latest{};
    int slices = 0;
    const auto body = [&]() -> rm::task<> {
      rm::nursery both;
      auto tick = [&]() -> rm::task<> {
        for (int i = 0; i < 50; ++i) {
          const rm::time_point due = clock.now() + 2ms;
          co_await rm::sleep_for(2ms);
          latest = std::max(latest, clock.now() - due);
        }
        both.cancel();
      };
      auto work = [&]() -> rm::task<> {
        for (;; ++slices) {
          clock.work(slice);
          co_await rm::yield();
        }
      };
      auto start = [&]() -> rm::task<> {
        both.start(work);
        both.start(tick);
        co_return;
      };
      co_await both.run(start);
    };
    here.run(body());
    CAPTURE(slice.count());
    CHECK(latest <= 400us + 2 * slice);
    if (slice < 1us) CHECK(clock.reads < slices / 100);
  }
}
