// Calls in threads. In virtual time: nothing but the threads themselves takes any. Also built with ThreadSanitizer,
// which is why nothing here uses a ring: ./dev row tsan
#include <doctest/doctest.h>

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <ringmill/offload/error.hpp>
#include <ringmill/offload/thread_pool.hpp>
#include <ringmill/runtime/cancel_scope.hpp>
#include <ringmill/runtime/detail/sanitizers.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/inspect.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/death.hpp"

namespace rm = ringmill;
using rm::testing::run;
using namespace std::chrono_literals;

namespace {

rm::thread_pool_options threads(std::size_t most) { return rm::thread_pool_options().threads(most).name("test"); }

/// What a thread waits in front of until a test lets it through. Made on a loop, which hears of each arrival.
class gate {
 public:
  /// For threads: waits until the gate is open.
  int pass() {
    home_.post([this] { arrived_.set(); });
    open_.get_future().wait();
    return 1;
  }
  /// The same, unless a stop is requested first.
  int pass_or_stop(std::stop_token token) {
    const std::stop_callback on_stop(token, [this] { open(); });
    pass();
    if (token.stop_requested()) throw rm::operation_cancelled();
    return 1;
  }
  void open() { open_.set_value(); }
  /// co_await it: until a thread is there.
  auto arrival() { return arrived_.wait(); }

 private:
  rm::loop& home_ = rm::loop::current();
  rm::event arrived_;
  std::promise<void> open_;
};

int pass(gate& in_front) { return in_front.pass(); }
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

namespace {

/// Counts how often other threads rouse the loop.
class counting_driver final : public rm::driver {
 public:
  rm::time_point now() noexcept override { return clock_.now(); }
  void poll() override { clock_.poll(); }
  void wait(std::optional<rm::time_point> deadline) override { clock_.wait(deadline); }
  bool can_wake() const noexcept override { return clock_.can_wake(); }
  void wake() noexcept override {
    ++wakes;
    clock_.wake();
  }
  std::atomic<int> wakes = 0;

 private:
  rm::testing::virtual_clock clock_;
};

}  // namespace

TEST_CASE("results that come while the loop is busy rouse it once, however many they are") {
  counting_driver driver;
  rm::loop loop(driver);
  auto body = [&]() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    gate closed;
    rm::nursery group;
    auto blocked = [&]() -> rm::task<> { co_await pool.run(pass, std::ref(closed)); };
    auto one = [&]() -> rm::task<> { co_await pool.run(square, 1); };
    auto start = [&]() -> rm::task<> {
      group.start(blocked);
      for (int i = 0; i < 500; ++i) group.start(one);
      co_await closed.arrival();
      driver.wakes = 0;
      closed.open();
      while (pool.running() > 0 || pool.queued() > 0) std::this_thread::yield();
    };
    co_await group.run(start);
    CHECK(driver.wakes == 1);
  };
  loop.run(body());
}

TEST_CASE("a loop that waits for a call is not deadlocked; one that waits for nothing still is") {
  int got_back = 0;
  auto body = [&]() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    const auto slow = [] { std::this_thread::sleep_for(2ms); };
    co_await pool.run(slow);
    got_back = 1;
    rm::event never;
    co_await never.wait();
  };
  CHECK_THROWS_AS(run(body()), rm::deadlock_error);
  CHECK(got_back == 1);
}

TEST_CASE("the task tree says which thread a task waits for") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    gate closed;
    rm::nursery group;
    auto blocked = [&]() -> rm::task<> { co_await pool.run(pass, std::ref(closed)); };
    auto queued = [&]() -> rm::task<> { co_await pool.run(square, 1); };
    auto start = [&]() -> rm::task<> {
      group.start(blocked);
      co_await closed.arrival();
      group.start(queued);
      co_await rm::testing::all_blocked();
      const std::string tree = rm::dump_tasks();
      CAPTURE(tree);
      CHECK(tree.find("a call in thread ") != std::string::npos);
      CHECK(tree.find(" of the thread_pool \"test\"") != std::string::npos);
      CHECK(tree.find("a free thread of the thread_pool \"test\": 1 of 1 are busy, 1 calls wait") != std::string::npos);
      closed.open();
    };
    co_await group.run(start);
  };
  run(body());
}

TEST_CASE("loops of several threads may share a pool") {
  rm::thread_pool pool(threads(3));
  std::atomic<int> sum = 0;
  const auto loop_of_its_own = [&] {
    auto body = [&]() -> rm::task<> {
      for (int i = 0; i < 500; ++i) sum += co_await pool.run(square, 1);
    };
    run(body());
  };
  { const std::jthread first(loop_of_its_own), second(loop_of_its_own); }
  CHECK(sum == 1000);
}

TEST_CASE("a pool's destructor ends its threads") {
  const auto threads_now = [] {
    int count = 0;
    for (const auto& one : std::filesystem::directory_iterator("/proc/self/task")) count += one.exists() ? 1 : 0;
    return count;
  };
  const int before = threads_now();
  auto body = [&]() -> rm::task<> {
    rm::thread_pool pool(threads(4));
    rm::nursery group;
    auto one = [&]() -> rm::task<> { co_await pool.run(square, 1); };
    auto start = [&]() -> rm::task<> {
      for (int i = 0; i < 50; ++i) group.start(one);
      co_return;
    };
    co_await group.run(start);
    CHECK(threads_now() > before);
  };
  run(body());
  // A joined thread may be listed for a moment longer.
  for (int tries = 0; tries < 1000 && threads_now() > before; ++tries) std::this_thread::sleep_for(1ms);
  CHECK(threads_now() == before);
}

TEST_CASE("signals are left to the threads of the loops") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(1));
    const auto is_blocked = [](int signal) {
      sigset_t now;
      pthread_sigmask(SIG_SETMASK, nullptr, &now);
      return sigismember(&now, signal) == 1;
    };
    const bool term = co_await pool.run(is_blocked, SIGTERM);
    CHECK(term);
    const bool fault = co_await pool.run(is_blocked, SIGSEGV);
    CHECK_FALSE(fault);
    CHECK_FALSE(is_blocked(SIGTERM));
  };
  run(body());
}

namespace {

/// While it lives no thread can be started: none has room for such a stack.
class no_more_threads {
 public:
  no_more_threads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t huge;
    pthread_getattr_default_np(&huge);
    pthread_attr_setstacksize(&huge, std::size_t{1} << 47);
    pthread_setattr_default_np(&huge);
    pthread_attr_destroy(&huge);
  }
  ~no_more_threads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  no_more_threads(const no_more_threads&) = delete;
  no_more_threads& operator=(const no_more_threads&) = delete;

 private:
  pthread_attr_t before_;
};

}  // namespace

TEST_CASE("out of threads: the first call says so and what to do; with one thread there, calls wait for it") {
  auto body = []() -> rm::task<> {
    rm::thread_pool pool(threads(4));
    std::optional<no_more_threads> none(std::in_place);
    std::string said;
    try {
      co_await pool.run(square, 1);
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::resource_unavailable_try_again);
      said = error.what();
    }
    CAPTURE(said);
    CHECK(said.find("thread_pool \"test\": its first thread could not be started") == 0);
    CHECK(said.find("pids.max") != std::string::npos);

    none.reset();
    const int again = co_await pool.run(square, 3);
    CHECK(again == 9);

    none.emplace();
    rm::nursery group;
    int ended = 0;
    auto one = [&]() -> rm::task<> { ended += co_await pool.run(square, 1); };
    auto start = [&]() -> rm::task<> {
      for (int i = 0; i < 100; ++i) group.start(one);
      co_return;
    };
    co_await group.run(start);
    CHECK(ended == 100);
    CHECK(pool.threads() == 1);
  };
  run(body());
}

TEST_CASE("a pool that is destroyed while its calls are awaited says so") {
#if defined(RINGMILL_TSAN)
  MESSAGE("not under ThreadSanitizer: it allows no threads in a child of a program that has some");
#else
  const std::string said = support::death_of([] {
    auto body = []() -> rm::task<> {
      auto pool = std::make_unique<rm::thread_pool>();
      rm::nursery group;
      auto one = [&]() -> rm::task<> { co_await pool->run(square, 1); };
      auto start = [&]() -> rm::task<> {
        group.start(one);
        co_await rm::yield();
        pool.reset();
      };
      co_await group.run(start);
    };
    run(body());
  });
  CHECK(said.find("a thread_pool was destroyed while its calls are awaited") != std::string::npos);
#endif
}

TEST_CASE("a forked child has a default pool of its own, and may not use its parent's others") {
#if defined(RINGMILL_TSAN)
  MESSAGE("not under ThreadSanitizer: it allows no threads in a child of a program that has some");
#else
  rm::thread_pool pool(threads(1));
  auto use_default = []() -> rm::task<int> {
    const int value = co_await rm::blocking(square, 4);
    co_return value;
  };
  auto use_pool = [&]() -> rm::task<int> {
    const int value = co_await pool.run(square, 4);
    co_return value;
  };
  CHECK(run(use_default()) == 16);
  CHECK(run(use_pool()) == 16);
  const std::string of_default = support::output_of([&] { _exit(run(use_default())); });
  CHECK(of_default == "it lived, and exited with 16\n");
  const std::string of_pool = support::death_of([&] { run(use_pool()); });
  CHECK(of_pool.find("a thread_pool was used after fork()") != std::string::npos);
#endif
}

TEST_CASE("outside of a loop nothing can be awaited, and a call that was not awaited is not made") {
  rm::thread_pool pool(threads(1));
  std::atomic<int> made = 0;
  const auto count = [&made] { ++made; };
  { [[maybe_unused]] const auto unused = pool.run(count); }
  CHECK(made == 0);
  CHECK(pool.threads() == 0);
}
