#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <system_error>

#include <ringmill/io/signal_dump.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/death.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using support::contains;
using support::output_of;
using namespace std::chrono_literals;

namespace {

rm::task<> sleep_a_minute() { co_await rm::sleep_for(1min); }

rm::task<> beside_a_sleeper(bool twice) {
  const rm::signal_dump dump(SIGUSR1);
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start(sleep_a_minute);
    co_await rm::sleep_for(1ms);
    kill(getpid(), SIGUSR1);
    co_await rm::sleep_for(20ms);
    if (twice) kill(getpid(), SIGUSR1);
    co_await rm::sleep_for(20ms);
    both.cancel();
  });
}

}  // namespace

TEST_CASE("the signal prints the task tree to standard error, and the program goes on") {
  const std::string said = output_of([] { rm::run(beside_a_sleeper(false)); });
  contains(said, "it lived, and exited with 0\n");
  contains(said, "ringmill: the tasks of this loop\n- ");
  contains(support::line_with(said, "sleep_a_minute"), ": sleep_for, 59.");
  contains(said, "nursery of 2");
}

TEST_CASE("the signal may come again") {
  const std::string said = output_of([] { rm::run(beside_a_sleeper(true)); });
  const std::size_t first = said.find("the tasks of this loop");
  CHECK(said.find("the tasks of this loop", first + 1) != std::string::npos);
}

TEST_CASE("a signal that is pending at the end is still served, and does not end the program") {
  const std::string said = output_of([] {
    const auto body = []() -> rm::task<> {
      const rm::signal_dump dump(SIGUSR1);
      co_await rm::yield();
      kill(getpid(), SIGUSR1);
    };
    rm::run(body());
  });
  contains(said, "it lived, and exited with 0\n");
  contains(said, "the tasks of this loop");
}

TEST_CASE("afterwards the signal is what it was before") {
  const auto body = []() -> rm::task<> {
    sigset_t blocked;
    {
      const rm::signal_dump dump(SIGUSR1);
      pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
      CHECK(sigismember(&blocked, SIGUSR1) == 1);
      co_await rm::yield();
    }
    pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    CHECK(sigismember(&blocked, SIGUSR1) == 0);
  };
  rm::run(body());
}

TEST_CASE("a dump needs a ring, and a signal that programs get") {
  CHECK_THROWS_AS(rm::signal_dump{SIGUSR1}, std::logic_error);
  CHECK_THROWS_AS(rm::signal_dump{SIGKILL}, std::system_error);
  CHECK_THROWS_AS(rm::signal_dump{0}, std::system_error);
}
