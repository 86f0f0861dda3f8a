// Who gets a buffer of a pool, and when it is lent anew.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "../support/scratch.hpp"
#include "pool_buffers.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::is_alive;
using support::on_each_pool_kernel;

namespace of_buffers {

int own_pid() { return getpid(); }
/// Says that it reads, and does so for as long as it is let.
int read_for_ever(std::string_view text, std::string marker) {
  support::make_file(marker, "");
  for (;;) {
    [[maybe_unused]] const volatile char letter = text.front();
  }
}

namespace {

rm::task<> wait_for_file(const std::string& path) {
  while (!std::filesystem::exists(path)) co_await rm::sleep_for(1ms);
}

TEST_CASE("whoever wants a buffer while there is none waits, first come, first served") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().buffer_capacity(4 * block));
    std::optional<rm::pool_buffer> all = pool.try_buffer(4 * block);
    REQUIRE(all.has_value());
    CHECK_FALSE(pool.try_buffer(1).has_value());
    std::string order;
    const auto want = [&](std::size_t size, char name) -> rm::task<> {
      rm::pool_buffer mine = co_await pool.buffer(size);
      order += name;
      CHECK(mine.capacity() >= size);
      co_await rm::yield();
    };
    rm::nursery waiting;
    co_await waiting.run([&]() -> rm::task<> {
      waiting.start(want, 3 * block, 'a');  // takes all: blocks are powers of two
      waiting.start(want, std::size_t{1}, 'b');
      waiting.start(want, 4 * block, 'c');
      waiting.start(want, std::size_t{1}, 'd');
      co_await rm::yield();
      co_await rm::yield();
      CHECK(order.empty());
      all.reset();
    });
    CHECK(order == "abcd");
    CHECK(pool.try_buffer(4 * block).has_value());
  });
}

TEST_CASE("one that waits for a buffer and is cancelled lets those behind it pass") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().buffer_capacity(4 * block));
    const rm::pool_buffer half = co_await pool.buffer(2 * block);
    bool served = false;
    rm::nursery waiting;
    co_await waiting.run([&]() -> rm::task<> {
      waiting.start(
          [](rm::process_pool& from) -> rm::task<> {
            const std::optional<rm::pool_buffer> came = co_await rm::move_on_after(1ms, from.buffer(4 * block));
            CHECK_FALSE(came.has_value());
          },
          std::ref(pool));
      waiting.start(
          [](rm::process_pool& from, bool& to) -> rm::task<> {
            const rm::pool_buffer small = co_await from.buffer(block);
            to = true;
          },
          std::ref(pool), std::ref(served));
      co_await rm::yield();
      CHECK_FALSE(served);
    });
    CHECK(served);
    CHECK(pool.try_buffer(2 * block).has_value());
  });
}

TEST_CASE("a buffer that was granted to one that is cancelled before it runs is not lost") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().buffer_capacity(block));
    std::optional<rm::pool_buffer> all = pool.try_buffer(block);
    bool came = false;
    rm::nursery waiting;
    co_await waiting.run([&]() -> rm::task<> {
      waiting.start(
          [](rm::process_pool& from, bool& to) -> rm::task<> {
            const rm::pool_buffer mine = co_await from.buffer(block);
            to = true;
          },
          std::ref(pool), std::ref(came));
      co_await rm::yield();
      all.reset();
      waiting.cancel();
      co_return;
    });
    CHECK(came);  // a result beats the cancel
    CHECK(pool.try_buffer(block).has_value());
  });
}

TEST_CASE("who holds all buffers and waits for one more is told so: a deadlock, and what it waits for") {
  const auto body = []() -> rm::task<> {
    rm::process_pool pool(one_worker().buffer_capacity(block));
    const rm::pool_buffer all = co_await pool.buffer(block);
    CHECK(pool.stats().buffer_bytes == block);
    const rm::pool_buffer more = co_await pool.buffer(100);
    FAIL("there is no more");
  };
  std::string words;
  try {
    rm::run(body());
  } catch (const rm::deadlock_error& error) {
    words = error.what();
  }
  CHECK(words.find("100 bytes of a process pool's buffers (16384 of 16384 are lent)") != std::string::npos);
}

TEST_CASE("what cannot be is refused at once, with what to do about it") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().buffer_capacity(3 * block));
    CHECK_NOTHROW(static_cast<void>(pool.try_buffer(2 * block)));
    CHECK_THROWS_WITH_AS(static_cast<void>(pool.buffer(3 * block)),
                         "a buffer of a pool takes 49152 bytes, more than the 32768 shared with a worker: raise "
                         "pool_options::buffer_capacity",
                         rm::payload_too_large);
    rm::pool_buffer buffer = co_await pool.buffer(0);
    CHECK_FALSE(static_cast<bool>(buffer));
    const std::uint64_t nothing = co_await pool.run<&sum>(buffer);
    CHECK(nothing == 0);
    CHECK_THROWS_WITH_AS(buffer.resize(1), "pool_buffer::resize(1): its capacity is 0", std::invalid_argument);

    rm::process_pool without(one_worker().buffer_capacity(0));
    CHECK_THROWS_AS(static_cast<void>(without.buffer(1)), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(without.try_buffer(1)), std::logic_error);
    buffer = co_await pool.buffer(10);
    fill(buffer, "elsewhere");
    CHECK_THROWS_AS(static_cast<void>(without.run<&sum>(buffer)), std::invalid_argument);
    const std::size_t copied_there = co_await without.run<&count_of>('e', buffer.text());
    CHECK(copied_there == 4);
    CHECK_THROWS_AS(rm::process_pool(one_worker().buffer_capacity(std::size_t{65} << 30)), std::invalid_argument);
  });
}

TEST_CASE("a buffer that outlives its pool keeps its bytes, and is given back then") {
  on_each_pool_kernel([]() -> rm::task<> {
    const int before = support::open_descriptors();
    rm::pool_buffer left;
    {
      rm::process_pool pool(one_worker());
      left = co_await pool.buffer(1000);
      fill(left, "still here");
    }
    CHECK(left.text() == "still here");
    CHECK(support::open_descriptors() > before);
    rm::process_pool next(one_worker());
    CHECK_THROWS_AS(static_cast<void>(next.run<&sum>(left)), std::invalid_argument);
    const std::size_t letters = co_await next.run<&count_of>('l', left.text());
    CHECK(letters == 2);
    left = rm::pool_buffer();
    left = co_await next.buffer(10);
    rm::pool_buffer moved = std::move(left);
    CHECK_FALSE(static_cast<bool>(left));
    CHECK(moved.size() == 10);
  });
}

TEST_CASE("a buffer that a killed worker may read is lent anew only when the process is gone") {
  on_each_pool_kernel([]() -> rm::task<> {
    const support::scratch folder;
    const std::string marker = folder / "reads";
    rm::process_pool pool(one_worker().buffer_capacity(block));
    const int reader = co_await pool.run<&own_pid>();
    {
      rm::pool_buffer buffer = co_await pool.buffer(block);
      fill(buffer, "text");
      CHECK_THROWS_AS(co_await pool.run<&read_for_ever>(rm::call_options().run_timeout(20ms), buffer, marker),
                      rm::deadline_exceeded);
    }
    const rm::pool_buffer again = co_await pool.buffer(block);
    CHECK_FALSE(is_alive(reader));
    CHECK(static_cast<bool>(again));
  });
}

TEST_CASE("so it is when the zygote has died, which would have reported the worker's death") {
  on_each_pool_kernel([]() -> rm::task<> {
    const support::scratch folder;
    const std::string marker = folder / "reads";
    rm::process_pool pool(one_worker().buffer_capacity(block));
    const int reader = co_await pool.run<&own_pid>();
    {
      rm::pool_buffer buffer = co_await pool.buffer(block);
      fill(buffer, "text");
      rm::nursery running;
      co_await running.run([&]() -> rm::task<> {
        running.start(
            [](rm::process_pool& on, rm::pool_buffer& what, std::string where) -> rm::task<> {
              CHECK_THROWS_AS(co_await on.run<&read_for_ever>(rm::call_options().at_most_once(), what, where),
                              rm::worker_crashed);
            },
            std::ref(pool), std::ref(buffer), marker);
        co_await wait_for_file(marker);
        kill(support::parent_of(reader), SIGKILL);
      });
    }
    const rm::pool_buffer again = co_await pool.buffer(block);
    CHECK_FALSE(is_alive(reader));
    CHECK(static_cast<bool>(again));
  });
}

TEST_CASE("a call that is cancelled, or whose frame goes, gives its buffer back with its worker") {
  on_each_pool_kernel([]() -> rm::task<> {
    const support::scratch folder;
    const std::string marker = folder / "reads";
    rm::process_pool pool(one_worker().buffer_capacity(block));
    rm::nursery running;
    co_await running.run([&]() -> rm::task<> {
      running.start(
          [](rm::process_pool& on, std::string where) -> rm::task<> {
            rm::pool_buffer buffer = co_await on.buffer(block);
            co_await on.run<&read_for_ever>(buffer, where);
          },
          std::ref(pool), marker);
      co_await wait_for_file(marker);
      CHECK_FALSE(pool.try_buffer(1).has_value());
      running.cancel();
    });
    const rm::pool_buffer again = co_await pool.buffer(block);
    const int pid = co_await pool.run<&own_pid>();
    CHECK(pid != 0);
  });
}

}  // namespace

}  // namespace of_buffers
