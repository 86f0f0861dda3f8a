#include <doctest/doctest.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/signals.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_kernel;

namespace {

/// To this thread, so that no other one of the test program can get it.
void send(int number) { pthread_kill(pthread_self(), number); }

bool is_blocked(int number) {
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  return sigismember(&blocked, number) == 1;
}

rm::task<> take(rm::signal_set& from, std::vector<int>& taken) {
  const int number = co_await from.next();
  taken.push_back(number);
}

}  // namespace

TEST_CASE("a task that waits gets the signal that comes") {
  on_each_kernel([]() -> rm::task<> {
    rm::signal_set signals({SIGHUP, SIGUSR1});
    std::vector<int> taken;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start(take, std::ref(signals), std::ref(taken));
      co_await rm::sleep_for(1ms);
      send(SIGUSR1);
    });
    CHECK(taken == std::vector{SIGUSR1});
  });
}

TEST_CASE("a signal that is pending already is given at once; the same one twice is one, and the lowest is first") {
  on_each_kernel([]() -> rm::task<> {
    rm::signal_set signals({SIGUSR1, SIGHUP, SIGUSR2});
    for (const int number : {SIGUSR2, SIGUSR1, SIGUSR1, SIGHUP}) send(number);
    const int first = co_await signals.next();
    const int second = co_await signals.next();
    const int third = co_await signals.next();
    CHECK(first == SIGHUP);
    CHECK(second == SIGUSR1);
    CHECK(third == SIGUSR2);
    const std::optional<int> fourth = co_await rm::move_on_after(5ms, signals.next());
    CHECK_FALSE(fourth);
  });
}

TEST_CASE("real-time signals queue, in the order in which they were sent") {
  on_each_kernel([]() -> rm::task<> {
    rm::signal_set signals({SIGRTMIN});
    for (int i = 0; i < 3; ++i) send(SIGRTMIN);
    for (int i = 0; i < 3; ++i) {
      const int number = co_await rm::with_timeout(1s, signals.next());
      CHECK(number == SIGRTMIN);
    }
  });
}

TEST_CASE("of several tasks that wait each gets one signal") {
  on_each_kernel([]() -> rm::task<> {
    rm::signal_set signals({SIGHUP, SIGUSR1});
    std::vector<int> taken;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start(take, std::ref(signals), std::ref(taken));
      all.start(take, std::ref(signals), std::ref(taken));
      co_await rm::sleep_for(1ms);
      send(SIGUSR1);
      co_await rm::sleep_for(1ms);
      CHECK(taken == std::vector{SIGUSR1});
      send(SIGHUP);
    });
    CHECK(taken == std::vector{SIGUSR1, SIGHUP});
  });
}

TEST_CASE("a wait that is cancelled, before its start or in flight, takes no signal") {
  on_each_kernel([]() -> rm::task<> {
    rm::signal_set signals({SIGUSR1});
    std::vector<int> taken;
    for (const bool in_flight : {false, true}) {
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start(take, std::ref(signals), std::ref(taken));
        if (in_flight) co_await rm::sleep_for(1ms);
        all.cancel();
      });
      send(SIGUSR1);
      CHECK(taken.empty());
      const int number = co_await rm::with_timeout(1s, signals.next());
      CHECK(number == SIGUSR1);
    }
  });
}

TEST_CASE("a signal that was taken before the cancel is not lost") {
  on_each_kernel([]() -> rm::task<> {
    rm::signal_set signals({SIGUSR1});
    send(SIGUSR1);
    const std::optional<int> number = co_await rm::move_on_after(0ms, signals.next());
    CHECK(number == SIGUSR1);
  });
}

TEST_CASE("a set that is destroyed while a task waits for it ends the wait") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    std::optional<rm::signal_set> signals(std::in_place, std::initializer_list<int>{SIGUSR1});
    std::error_code code;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> {
        try {
          co_await signals->next();
        } catch (const std::system_error& error) {
          code = error.code();
          support::contains(error.what(), "wait for a signal");
        }
      });
      co_await rm::sleep_for(1ms);
      signals.reset();
    });
    CHECK(code == std::errc::operation_canceled);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a signal is blocked as long as a set asks for it, in whatever order they end") {
  on_each_kernel([]() -> rm::task<> {
    CHECK_FALSE(is_blocked(SIGUSR1));
    std::optional<rm::signal_set> first(std::in_place, std::initializer_list<int>{SIGUSR1});
    std::optional<rm::signal_set> second(std::in_place, std::initializer_list<int>{SIGUSR1, SIGUSR2});
    first.reset();
    CHECK(is_blocked(SIGUSR1));
    CHECK(is_blocked(SIGUSR2));
    second.reset();
    CHECK_FALSE(is_blocked(SIGUSR1));
    CHECK_FALSE(is_blocked(SIGUSR2));
    co_return;
  });
}

TEST_CASE("what the program had blocked itself stays blocked") {
  sigset_t mine;
  sigset_t before;
  sigemptyset(&mine);
  sigaddset(&mine, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &mine, &before);
  { const rm::signal_set signals({SIGUSR1}); }
  CHECK(is_blocked(SIGUSR1));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("the task tree says which signals are waited for") {
  on_each_kernel([]() -> rm::task<> {
    rm::signal_set signals({SIGHUP, SIGUSR1});
    std::vector<int> taken;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start(take, std::ref(signals), std::ref(taken));
      co_await rm::yield();
      support::contains(rm::dump_tasks(), "a signal of SIGHUP SIGUSR1");
      all.cancel();
    });
  });
}

TEST_CASE("a signal that cannot be awaited is refused") {
  CHECK_THROWS_WITH_AS(rm::signal_set({SIGUSR1, SIGKILL}), "signal_set: SIGKILL cannot be awaited",
                       std::invalid_argument);
  for (const int number : {0, -1, SIGSTOP, SIGSEGV, 32, 65}) {
    CAPTURE(number);
    CHECK_THROWS_AS(rm::signal_set({number}), std::invalid_argument);
  }
  CHECK_THROWS_AS(rm::signal_set({}), std::invalid_argument);
}
