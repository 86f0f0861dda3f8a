#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

/// Forks; the child runs `body` and exits with what it gives. Gives the wait status.
template <class Body>
int status_of_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

rm::task<> wait_long() { co_await rm::sleep_for(1min); }

rm::task<> interrupt_oneself() {
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start(wait_long);
    co_await rm::sleep_for(1ms);
    kill(getpid(), SIGINT);
  });
}

}  // namespace

TEST_CASE("a handle that needs a ring says so when there is none") {
  CHECK_THROWS_WITH_AS(rm::tcp_listener::bind("127.0.0.1", 0),
                       "no ring on this thread: I/O needs a loop that was started by rm::run() or rm::run_main()",
                       std::logic_error);
}

TEST_CASE("run_main gives 0, the value of a task<int>, or 1 for an error") {
  const auto nothing = []() -> rm::task<> { co_return; };
  const auto three = []() -> rm::task<int> { co_return 3; };
  const auto error = []() -> rm::task<> {
    co_await rm::yield();
    throw std::runtime_error("an error of the test, on purpose");
  };
  CHECK(rm::run_main(nothing()) == 0);
  CHECK(rm::run_main(three()) == 3);
  CHECK(rm::run_main(error()) == 1);
}

TEST_CASE("SIGINT cancels the task of run_main, which gives 130") {
  const int status = status_of_child([] { return rm::run_main(interrupt_oneself()); });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
}

TEST_CASE("sleeping takes real time, and not much more") {
  const auto body = []() -> rm::task<> {
    const rm::time_point start = rm::loop::current().now();
    co_await rm::sleep_for(10ms);
    CHECK(rm::loop::current().now() - start >= 10ms);
  };
  rm::run(body());
}
