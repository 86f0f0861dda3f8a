#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/io/readiness.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_kernel;

namespace {

/// A pipe as a foreign library would own one: plain numbers.
class foreign_pipe {
 public:
  foreign_pipe() { REQUIRE(pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK) == 0); }
  ~foreign_pipe() {
    close_reader();
    close_writer();
  }
  foreign_pipe(const foreign_pipe&) = delete;
  foreign_pipe& operator=(const foreign_pipe&) = delete;
  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void write_byte() const { REQUIRE(write(writer(), "x", 1) == 1); }
  void read_byte() const {
    char byte = 0;
    REQUIRE(read(reader(), &byte, 1) == 1);
  }
  void fill() const {
    const std::array<char, 4096> page{};
    while (write(writer(), page.data(), page.size()) > 0) continue;
  }
  void drain() const {
    std::array<char, 4096> page;
    while (read(reader(), page.data(), page.size()) > 0) continue;
  }
  void close_reader() { close_end(0); }
  void close_writer() { close_end(1); }

 private:
  void close_end(std::size_t which) {
    if (ends_[which] >= 0) ::close(ends_[which]);
    ends_[which] = -1;
  }
  std::array<int, 2> ends_{};
};

rm::task<> wait_readable(int descriptor, int& count) {
  co_await rm::readable(descriptor);
  ++count;
}

rm::task<> wait_over(rm::deadline_timer& timer, std::vector<rm::duration>& times, rm::time_point start) {
  for (;;) {
    co_await timer.wait();
    times.push_back(rm::loop::current().now() - start);
  }
}

}  // namespace

TEST_CASE("readable comes back when there is something to read, and takes nothing") {
  on_each_kernel([]() -> rm::task<> {
    foreign_pipe pipe;
    int count = 0;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start(wait_readable, pipe.reader(), std::ref(count));
      all.start(wait_readable, pipe.reader(), std::ref(count));
      co_await rm::sleep_for(1ms);
      CHECK(count == 0);
      pipe.write_byte();
    });
    CHECK(count == 2);
    pipe.read_byte();
  });
}

TEST_CASE("writable waits until there is room") {
  on_each_kernel([]() -> rm::task<> {
    foreign_pipe pipe;
    const rm::readiness at_first = co_await rm::writable(pipe.writer());
    CHECK(at_first.is_writable());
    pipe.fill();
    CHECK_THROWS_AS(co_await rm::with_timeout(2ms, rm::writable(pipe.writer())), rm::timeout_error);
    pipe.drain();
    co_await rm::with_timeout(1s, rm::writable(pipe.writer()));
  });
}

TEST_CASE("which of both is told, and the end is readable") {
  on_each_kernel([]() -> rm::task<> {
    std::array<int, 2> pair{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
    const rm::fd one(pair[0]);
    rm::fd other(pair[1]);
    const rm::readiness idle = co_await rm::readable_or_writable(one.number());
    CHECK(idle.is_writable());
    CHECK_FALSE(idle.is_readable());
    CHECK_FALSE(idle.has_failed());
    other.reset();
    const rm::readiness ended = co_await rm::readable_or_writable(one.number());
    CHECK(ended.is_readable());
    CHECK(ended.has_failed());
  });
}

TEST_CASE("a wait that is cancelled in flight leaves the descriptor alone, and it may be closed then") {
  on_each_kernel([]() -> rm::task<> {
    foreign_pipe pipe;
    int count = 0;
    for (const bool in_flight : {false, true}) {
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start(wait_readable, pipe.reader(), std::ref(count));
        if (in_flight) co_await rm::sleep_for(1ms);
        all.cancel();
      });
      CHECK(rm::ring::current().in_flight() == 0);
    }
    CHECK(count == 0);
    pipe.close_reader();
  });
}

TEST_CASE("what is no descriptor is an error, not a wait for ever") {
  on_each_kernel([]() -> rm::task<> {
    std::error_code code;
    try {
      co_await rm::readable(12345);
    } catch (const std::system_error& error) {
      code = error.code();
    }
    CHECK(code == std::errc::bad_file_descriptor);
  });
}

TEST_CASE("closing an rm::fd ends who waits for it") {
  on_each_kernel([]() -> rm::task<> {
    foreign_pipe pipe;
    rm::fd reader(dup(pipe.reader()));
    std::error_code code;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> {
        try {
          co_await rm::readable(reader);
        } catch (const std::system_error& error) {
          code = error.code();
        }
      });
      co_await rm::sleep_for(1ms);
      reader.reset();
    });
    CHECK(code == std::errc::operation_canceled);
  });
}

TEST_CASE("a timer that is set again while a task waits is over at the new time, once") {
  on_each_kernel([]() -> rm::task<> {
    rm::deadline_timer timer;
    std::vector<rm::duration> times;
    const rm::time_point start = rm::loop::current().now();
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start(wait_over, std::ref(timer), std::ref(times), start);
      co_await rm::yield();
      support::contains(rm::dump_tasks(), "a deadline_timer that is not set");
      timer.set(start + 1h);
      timer.set(start + 5ms);
      CHECK(timer.is_set());
      CHECK(timer.deadline() == start + 5ms);
      support::contains(rm::dump_tasks(), "deadline_timer, 0.00");
      co_await rm::sleep_for(20ms);
      CHECK_FALSE(timer.is_set());
      timer.set_after(1ms);
      timer.cancel();
      CHECK_FALSE(timer.is_set());
      co_await rm::sleep_for(5ms);
      all.cancel();
    });
    REQUIRE(times.size() == 1);
    CHECK(times[0] >= 5ms);
  });
}

TEST_CASE("a deadline that is over before anyone waits is told to the next wait, and to that alone") {
  on_each_kernel([]() -> rm::task<> {
    rm::deadline_timer timer;
    timer.set_after(0ms);
    co_await rm::sleep_for(1ms);
    CHECK(timer.is_set());
    co_await timer.wait();
    const bool again = co_await rm::move_on_after(2ms, timer.wait());
    CHECK_FALSE(again);
  });
}

TEST_CASE("a second task that waits for one timer is refused") {
  on_each_kernel([]() -> rm::task<> {
    rm::deadline_timer timer;
    std::vector<rm::duration> times;
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start(wait_over, std::ref(timer), std::ref(times), rm::loop::current().now());
      co_await rm::yield();
      CHECK_THROWS_AS(co_await timer.wait(), std::logic_error);
      all.cancel();
    });
  });
}

TEST_CASE("waiting for a timer that nobody set is a deadlock") {
  const auto body = []() -> rm::task<> {
    rm::deadline_timer timer;
    co_await timer.wait();
  };
  CHECK_THROWS_AS(rm::run(body()), rm::deadlock_error);
}
