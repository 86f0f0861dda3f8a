// The threads of a pool: when they start and end, how they tell the loop, and what becomes of misuse. In virtual time,
// and without a ring, as thread_pool_test.cpp.
#include <doctest/doctest.h>

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include <ringmill/offload/error.hpp>
#include <ringmill/offload/thread_pool.hpp>
#include <ringmill/runtime/detail/sanitizers.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/inspect.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/death.hpp"
#include "thread_gate.hpp"

namespace rm = ringmill;
using rm::testing::run;
using support::gate;
using support::pass;
using support::threads;
using namespace std::chrono_literals;

namespace {

int square(int n) { return n * n; }

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
