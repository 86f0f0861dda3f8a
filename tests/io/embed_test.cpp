// A loop inside of a host's: what wakes the host, and several loops in one process.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <ringmill/io/host_loop.hpp>
#include <ringmill/io/readiness.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/death.hpp"
#include "../support/kernels.hpp"
#include "../support/log_capture.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

constexpr int rounds = 1'000;
constexpr int too_long_ms = 20'000;  // a wake that was missed shows as a wait of this length, which fails the test

/// A program with an event loop of its own, which knows nothing of ringmill but a descriptor and a timeout.
class host {
 public:
  explicit host(rm::host_loop& tasks) : tasks_(tasks), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    REQUIRE(epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, tasks.poll_fd(), &event) == 0);
  }

  /// Until `over`; false if nothing happened for too long.
  [[nodiscard]] bool run_until(const bool& over) {
    tasks_.run_once();
    while (!over) {
      const int timeout = tasks_.poll_timeout();
      epoll_event event{};
      const int ready = epoll_wait(epoll_.number(), &event, 1, timeout < 0 ? too_long_ms : timeout);
      if (ready == 0 && timeout < 0) return false;
      tasks_.run_once();
    }
    return true;
  }

 private:
  rm::host_loop& tasks_;
  rm::fd epoll_;
};

class pipe_ends {
 public:
  pipe_ends() {
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    reader = rm::fd(ends[0]);
    writer = rm::fd(ends[1]);
  }
  rm::fd reader;
  rm::fd writer;
};

template <class Body>
void on_each_host(Body body) {
  for (const support::kernel_factory& factory : support::all_kernels()) {
    CAPTURE(factory.name());
    rm::host_loop tasks(factory.make());
    host program(tasks);
    body(tasks, program);
  }
}

rm::task<> read_bytes(rm::fd& from, int count, std::binary_semaphore& got_one, bool& over) {
  std::array<std::byte, 1> buffer;
  for (int i = 0; i < count; ++i) {
    co_await rm::read_op(from, buffer);
    got_one.release();
  }
  over = true;
}

}  // namespace

TEST_CASE("a host that waits in epoll is woken by every completion") {
  on_each_host([](rm::host_loop& tasks, host& program) {
    pipe_ends pipe;
    std::binary_semaphore got_one(0);
    bool over = false;
    tasks.detach(read_bytes, std::ref(pipe.reader), rounds, std::ref(got_one), std::ref(over));
    std::thread writer([&] {
      for (int i = 0; i < rounds; ++i) {
        if (i % 4 == 0) std::this_thread::sleep_for(50us);  // most often the host waits by then
        if (write(pipe.writer.number(), "x", 1) != 1) return;
        got_one.acquire();
      }
    });
    const bool nothing_missed = program.run_until(over);
    CHECK(nothing_missed);
    if (!nothing_missed) got_one.release();
    writer.join();
  });
}

TEST_CASE("a host that waits in epoll is woken by every post from another thread") {
  on_each_host([](rm::host_loop& tasks, host& program) {
    std::binary_semaphore ran(0);
    int count = 0;
    bool over = false;
    std::thread poster([&] {
      for (int i = 0; i < rounds; ++i) {
        if (i % 4 == 0) std::this_thread::sleep_for(50us);
        tasks.post([&] {
          over = ++count == rounds;
          ran.release();
        });
        if (!ran.try_acquire_for(std::chrono::milliseconds(too_long_ms))) return;
      }
    });
    const bool nothing_missed = program.run_until(over);
    CHECK(nothing_missed);
    poster.join();
    CHECK(count == rounds);
  });
}

TEST_CASE("a host that waits in epoll comes back for every timer, not before its time and not long after") {
  on_each_host([](rm::host_loop& tasks, host& program) {
    bool over = false;
    int too_early = 0;
    rm::duration latest{};
    tasks.detach([&]() -> rm::task<> {
      for (int i = 0; i < rounds; ++i) {
        const rm::duration length = std::chrono::microseconds(i * 7 % 2000 + 1);
        const rm::time_point start = rm::loop::current().now();
        co_await rm::sleep_for(length);
        const rm::duration slept = rm::loop::current().now() - start;
        if (slept < length) ++too_early;
        latest = std::max(latest, slept - length);
      }
      over = true;
    });
    const bool nothing_missed = program.run_until(over);
    CHECK(nothing_missed);
    CHECK(too_early == 0);
    CHECK(latest < 1s);
  });
}

TEST_CASE("what the host cancels between two turns is told to the kernel, too") {
  on_each_host([](rm::host_loop& tasks, host& program) {
    for (int i = 0; i < 20; ++i) {
      pipe_ends pipe;
      rm::cancel_scope reading;
      bool started = false;
      bool over = false;
      std::optional<std::size_t> got = 1;
      tasks.detach([&]() -> rm::task<> {
        std::array<std::byte, 1> buffer;
        started = true;
        got = co_await reading.run(rm::read_op(pipe.reader, buffer));
        over = true;
      });
      REQUIRE(program.run_until(started));
      CHECK(tasks.poll_timeout() == -1);
      reading.cancel();
      CHECK(tasks.poll_timeout() == 0);
      CHECK(program.run_until(over));
      CHECK_FALSE(got);
    }
  });
}

TEST_CASE("the timeout for the host: none, at once, or rounded up") {
  on_each_host([](rm::host_loop& tasks, host& program) {
    bool slept = false;
    tasks.run_once();
    CHECK(tasks.poll_timeout() == -1);
    tasks.detach([&]() -> rm::task<> {
      co_await rm::sleep_for(50ms);
      slept = true;
    });
    CHECK(tasks.poll_timeout() == 0);
    tasks.run_once();
    tasks.run_once();
    const int timeout = tasks.poll_timeout();
    CHECK(timeout > 0);
    CHECK(timeout <= 50);
    CHECK(program.run_until(slept));
    tasks.detach([]() -> rm::task<> { co_await rm::sleep_for(24h * 365); });
    tasks.run_once();
    tasks.run_once();
    CHECK(tasks.poll_timeout() == std::numeric_limits<int>::max());
  });
}

TEST_CASE("an error of a task is thrown from run_once") {
  on_each_host([](rm::host_loop& tasks, host&) {
    tasks.detach([]() -> rm::task<> {
      co_await rm::yield();
      throw std::runtime_error("of a task");
    });
    const auto run = [&] {
      for (int i = 0; i < 10; ++i) tasks.run_once();
    };
    CHECK_THROWS_WITH_AS(run(), "of a task", std::runtime_error);
  });
}

TEST_CASE("a host_loop that is destroyed ends its tasks, and logs the error of one") {
  const int before = support::open_descriptors();
  for (const support::kernel_factory& factory : support::all_kernels()) {
    const support::log_capture log;
    pipe_ends pipe;
    bool unwound = false;
    class note {
     public:
      explicit note(bool& flag) noexcept : flag_(flag) {}
      ~note() { flag_ = true; }
      note(const note&) = delete;
      note& operator=(const note&) = delete;

     private:
      bool& flag_;
    };
    {
      rm::host_loop tasks(factory.make());
      tasks.detach([&]() -> rm::task<> {
        const note here(unwound);
        std::array<std::byte, 1> buffer;
        co_await rm::read_op(pipe.reader, buffer);
      });
      tasks.run_once();
      tasks.post([] { throw std::runtime_error("at the end"); });
    }
    CHECK(unwound);
    support::contains(log.text(), "when its host_loop was destroyed: at the end");
  }
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a thread has one loop") {
  const rm::host_loop tasks;
  CHECK_THROWS_AS(rm::host_loop{}, std::logic_error);
  const auto body = []() -> rm::task<> { co_return; };
  CHECK_THROWS_AS(rm::run(body()), std::logic_error);
}

TEST_CASE("loops on four threads pass a token round by post, ten thousand times") {
  constexpr int hops = 10'000;
  constexpr std::size_t threads = 4;
  // Each says how to reach it. A loop ends only after it has passed the end on, so that nobody posts to one that is
  // gone.
  std::array<std::atomic<rm::loop*>, threads> loops{};
  std::array<int, threads> passed{};
  class visit {
   public:
    visit(std::array<std::atomic<rm::loop*>, threads>& all, std::array<int, threads>& counts,
          std::array<rm::event*, threads>& ends) noexcept
        : loops(all), passed(counts), over(ends) {}
    void operator()(std::size_t here, int left) const {
      ++passed[here];
      const std::size_t next = (here + 1) % threads;
      // The last round goes by every loop and ends it.
      if (left > 1 - static_cast<int>(threads))
        loops[next].load()->post([*this, next, left] { (*this)(next, left - 1); });
      if (left <= 0) over[here]->set();
    }
    std::array<std::atomic<rm::loop*>, threads>& loops;
    std::array<int, threads>& passed;
    std::array<rm::event*, threads>& over;
  };
  std::array<rm::event*, threads> over{};
  std::atomic<std::size_t> ready = 0;
  const visit pass(loops, passed, over);
  std::vector<std::jthread> running;
  for (std::size_t here = 0; here < threads; ++here) {
    running.emplace_back([&, here] {
      const auto body = [&]() -> rm::task<> {
        rm::event end;
        over[here] = &end;
        loops[here] = &rm::loop::current();
        ++ready;
        const rm::loop::expected_post coming(rm::loop::current());
        while (ready < threads) co_await rm::yield();
        if (here == 0) pass(0, hops);
        co_await rm::with_timeout(240s, end.wait());  // an emulated machine takes one minute
      };
      rm::run(body());
    });
  }
  running.clear();
  int sum = 0;
  for (const int count : passed) sum += count;
  CHECK(sum == hops + static_cast<int>(threads));
}

TEST_CASE("a host_loop that is used from another thread says so") {
  const std::string said = support::death_of([] {
    rm::host_loop tasks;
    std::thread([&] { tasks.run_once(); }).join();
  });
  support::contains(said, "a host_loop was used on another thread than the one that made it");
}

TEST_CASE("a loop that is used in a forked child says so") {
  const std::string said = support::death_of([] {
    rm::host_loop tasks;
    tasks.run_once();
    const pid_t child = fork();
    if (child == 0) {
      tasks.run_once();
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) raise(WTERMSIG(status));
  });
  support::contains(said, "a ring was used after a fork, by the child");

  const std::string of_an_operation = support::death_of([] {
    const auto body = []() -> rm::task<> {
      pipe_ends pipe;
      const pid_t child = fork();
      if (child == 0) co_await rm::readable(pipe.reader);
      int status = 0;
      waitpid(child, &status, 0);
      if (WIFSIGNALED(status)) raise(WTERMSIG(status));
    };
    rm::run(body());
  });
  support::contains(of_an_operation, "a ring was used after a fork, by the child");
}
