// Values that come from a worker one after the other.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/offload/stream.hpp>

#include "../support/scratch.hpp"
#include "pool_support.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_pool_kernel;

namespace of_stream {

rm::offload::generator<int> count_to(int last) {
  for (int i = 1; i <= last; ++i) co_yield i;
}
std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> all(1);
  for (const char character : text) {
    character == ' ' ? void(all.emplace_back()) : all.back().push_back(character);
  }
  return all;
}
auto squares(int below) {
  return std::views::iota(0, below) | std::views::transform([](int n) { return n * n; });
}
/// Refers to its argument for as long as it runs.
rm::offload::generator<char> letters(const std::string& text) {
  for (const char letter : text) co_yield letter;
}
rm::offload::generator<std::string> large_texts(int count) {
  for (int i = 0; i < count; ++i) co_yield std::string(100'000, static_cast<char>('a' + i % 26));
}
rm::offload::generator<int> throw_after(int last) {
  for (int i = 1; i <= last; ++i) co_yield i;
  throw std::out_of_range("there are no more");
}
std::vector<int> throw_at_once() { throw std::invalid_argument("none at all"); }
rm::offload::generator<int> crash_after(int last) {
  for (int i = 1; i <= last; ++i) co_yield i;
  raise(SIGABRT);
}
rm::offload::generator<int> hang_after(int last) {
  for (int i = 1; i <= last; ++i) co_yield i;
  for (;;) std::this_thread::sleep_for(1s);
}
rm::offload::generator<int> one_each_millisecond() {
  for (int i = 0;; ++i) {
    std::this_thread::sleep_for(1ms);
    co_yield i;
  }
}
/// Each value is a byte in the file too.
rm::offload::generator<std::size_t> write_and_count(std::string path) {
  std::ofstream file(path);
  for (std::size_t i = 1;; ++i) {
    file << 'x' << std::flush;
    co_yield i;
  }
}
rm::offload::generator<int> own_pid_for_ever() {
  for (;;) co_yield getpid();
}
int own_pid() { return getpid(); }

namespace {

rm::pool_options one_worker() { return rm::pool_options().workers(1); }

template <class T>
rm::task<std::vector<T>> all_of(rm::async_generator<T> stream) {
  std::vector<T> values;
  while (std::optional<T> value = co_await stream.next()) values.push_back(std::move(*value));
  co_return values;
}

void check_all_ended(const rm::process_pool& pool) {
  const rm::pool_statistics stats = pool.stats();
  CHECK(support::adds_up(stats));
  CHECK(stats.queued + stats.running == 0);
}

}  // namespace

TEST_CASE("a stream gives what a generator, a vector or a view gives in a worker, in order and to the end") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const std::vector<int> numbers = co_await all_of(pool.run_stream<&count_to>(100'000));
    std::vector<int> expected(100'000);
    std::iota(expected.begin(), expected.end(), 1);
    CHECK(numbers == expected);
    CHECK(pool.stats().submitted < 2000);  // batches
    const std::vector<std::string> parts = co_await all_of(pool.run_stream<&words>("one and another"));
    CHECK(parts == std::vector<std::string>{"one", "and", "another"});
    const std::vector<int> lazy = co_await all_of(pool.run_stream<&squares>(4));
    CHECK(lazy == std::vector<int>{0, 1, 4, 9});
    const std::vector<int> none = co_await all_of(pool.run_stream<&count_to>(0));
    CHECK(none.empty());
    const std::string text(10'000, 'z');
    const std::vector<char> same = co_await all_of(pool.run_stream<&letters>(text));
    CHECK(std::string(same.begin(), same.end()) == text);
    check_all_ended(pool);
    CHECK(pool.stats().started == 1);  // the worker was given back each time
  });
}

TEST_CASE("values larger than a batch come one by one; one that does not fit is the stream's error") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const std::vector<std::string> texts = co_await all_of(pool.run_stream<&large_texts>(30));
    REQUIRE(texts.size() == 30);
    for (int i = 0; i < 30; ++i)
      CHECK(texts[static_cast<std::size_t>(i)] == std::string(100'000, static_cast<char>('a' + i % 26)));
    rm::process_pool small(one_worker().output_capacity(50'000));
    CHECK_THROWS_AS(co_await all_of(small.run_stream<&large_texts>(2)), rm::payload_too_large);
    const std::vector<int> after = co_await all_of(small.run_stream<&count_to>(3));
    CHECK(after.size() == 3);
    check_all_ended(small);
  });
}

TEST_CASE("what the function throws comes after the values before it") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    for (const int count : {0, 3, 1000}) {
      auto stream = pool.run_stream<&throw_after>(count);
      int seen = 0;
      while (seen < count) {
        const std::optional<int> value = co_await stream.next();
        CHECK(value == ++seen);
      }
      CHECK_THROWS_WITH_AS(co_await stream.next(), "there are no more", std::out_of_range);
      const std::optional<int> more = co_await stream.next();
      CHECK(!more);
    }
    CHECK_THROWS_WITH_AS(co_await all_of(pool.run_stream<&throw_at_once>()), "none at all", std::invalid_argument);
    const int pid = co_await pool.run<&own_pid>();
    CHECK(pid > 0);
    check_all_ended(pool);
  });
}

TEST_CASE("a worker that crashes in the middle is the stream's error, after values that are right") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().quarantine(0ms));
    for (const int count : {0, 1, 1000}) {
      auto stream = pool.run_stream<&crash_after>(count);
      int seen = 0;
      bool has_crashed = false;
      try {
        while (const std::optional<int> value = co_await stream.next()) {
          const bool is_next = *value == seen + 1;
          CHECK(is_next);
          ++seen;
        }
      } catch (const rm::worker_crashed& error) {
        has_crashed = error.signal() == SIGABRT;
      }
      CHECK(has_crashed);
      CHECK(seen <= count);
      CHECK(seen >= count - 256);  // the batch that was being made
    }
    const std::vector<int> after = co_await all_of(pool.run_stream<&count_to>(3));
    CHECK(after.size() == 3);
    check_all_ended(pool);
  });
}

TEST_CASE("a worker that is killed from outside while a stream rests is noticed at the next value") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    auto stream = pool.run_stream<&own_pid_for_ever>();
    const std::optional<int> pid = co_await stream.next();
    kill(*pid, SIGKILL);
    CHECK_THROWS_AS(
        co_await [](auto& from) -> rm::task<> {
          while (co_await from.next()) continue;
        }(stream),
        rm::worker_crashed);
    const int other = co_await pool.run<&own_pid>();
    CHECK(other != *pid);
    check_all_ended(pool);
  });
}

TEST_CASE("the death of the zygote ends a stream, and the next one works") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    auto stream = pool.run_stream<&own_pid_for_ever>();
    const std::optional<int> pid = co_await stream.next();
    kill(support::parent_of(*pid), SIGKILL);
    CHECK_THROWS_AS(
        co_await [](auto& from) -> rm::task<> {
          while (co_await from.next()) continue;
        }(stream),
        rm::worker_crashed);
    const std::vector<int> after = co_await all_of(pool.run_stream<&count_to>(3));
    CHECK(after.size() == 3);
    check_all_ended(pool);
  });
}

TEST_CASE("a slow consumer holds the worker back") {
  const support::scratch folder;
  on_each_pool_kernel([&]() -> rm::task<> {
    const std::string path = folder / "produced";
    rm::process_pool pool(one_worker());
    auto stream = pool.run_stream<&write_and_count>(path);
    for (std::size_t i = 1; i <= 1000; ++i) {
      const std::optional<std::size_t> value = co_await stream.next();
      CHECK(value == i);
      if (i % 100 != 0) continue;
      co_await rm::sleep_for(5ms);  // it could run far ahead
      CHECK(std::filesystem::file_size(path) <= i + 2 * 256 + 1);
    }
  });
}

TEST_CASE("values of a slow function come as they are made") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    auto stream = pool.run_stream<&hang_after>(0);
    const bool has_come = co_await rm::move_on_after(20ms, stream.for_each([](int) {}));
    CHECK(!has_come);
    auto ticks = pool.run_stream<&one_each_millisecond>();
    for (int i = 0; i < 20; ++i) {
      const std::optional<int> tick = co_await ticks.next();
      CHECK(tick == i);
    }
    // Each value was a batch of its own.
    CHECK(pool.stats()[rm::task_outcome::value] >= 20);
  });
}

TEST_CASE("leaving the loop, or a cancel, ends the worker, and the pool goes on with another one") {
  on_each_pool_kernel([]() -> rm::task<> {
    const int before = support::open_descriptors();
    {
      rm::process_pool pool(one_worker());
      int left = 0;
      {
        auto stream = pool.run_stream<&own_pid_for_ever>();
        left = *co_await stream.next();
      }
      const int second = co_await pool.run<&own_pid>();
      CHECK(second != left);
      CHECK(support::gone_within(20s, {left}));

      // Never asked for anything: nothing has begun.
      { auto unused = pool.run_stream<&own_pid_for_ever>(); }
      const int third = co_await pool.run<&own_pid>();
      CHECK(third == second);

      // Cancelled while its first value is awaited.
      auto hanging = pool.run_stream<&hang_after>(0);
      const bool has_ended = co_await rm::move_on_after(5ms, hanging.for_each([](int) {}));
      CHECK(!has_ended);
      CHECK(!support::is_alive(third));
      const int fourth = co_await pool.run<&own_pid>();
      CHECK(fourth != third);
      check_all_ended(pool);
    }
    CHECK(support::open_descriptors() == before);
  });
}

TEST_CASE("a stream waits for a worker like any task, and has it for itself") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    auto first = pool.run_stream<&count_to>(1000);
    const std::optional<int> one = co_await first.next();
    CHECK(one == 1);
    std::vector<int> second;
    int pid = 0;
    rm::nursery others;
    co_await others.run([&]() -> rm::task<> {
      others.start([](rm::process_pool& from,
                      std::vector<int>& to) -> rm::task<> { to = co_await all_of(from.run_stream<&count_to>(300)); },
                   std::ref(pool), std::ref(second));
      others.start([](rm::process_pool& from, int& to) -> rm::task<> { to = co_await from.run<&own_pid>(); },
                   std::ref(pool), std::ref(pid));
      co_await rm::sleep_for(5ms);
      CHECK(second.empty());
      CHECK(pid == 0);
      CHECK(pool.stats().queued == 2);
      int sum = 1;
      while (const std::optional<int> next = co_await first.next()) sum += *next;
      CHECK(sum == 500'500);
    });
    CHECK(second.size() == 300);
    CHECK(pid > 0);
    check_all_ended(pool);
    CHECK(pool.stats().started == 1);
  });
}

TEST_CASE("two streams and tasks run side by side") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(3));
    auto odd = pool.run_stream<&count_to>(5000);
    auto even = pool.run_stream<&count_to>(5000);
    for (int i = 1; i <= 5000; ++i) {
      const std::optional<int> a = co_await odd.next();
      const std::optional<int> b = co_await even.next();
      const bool are_right = a == i && b == i;
      CHECK(are_right);
      if (i % 500 != 0) continue;
      const int pid = co_await pool.run<&own_pid>();
      CHECK(pid > 0);
    }
    const std::optional<int> end = co_await odd.next();
    CHECK(!end);
  });
}

TEST_CASE("the run_timeout of a stream ends it between two values") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    co_await pool.run<&own_pid>();  // the worker is up
    auto stream = pool.run_stream<&hang_after>(rm::call_options().run_timeout(1s), 100);
    int seen = 0;
    bool is_late = false;
    try {
      while (const std::optional<int> value = co_await stream.next()) {
        if (*value != ++seen) FAIL_CHECK("another value");
      }
    } catch (const rm::deadline_exceeded&) {
      is_late = true;
    }
    CHECK(is_late);
    CHECK(seen > 0);  // the first is a batch of its own
    CHECK(seen <= 100);
    const std::vector<int> after = co_await all_of(pool.run_stream<&count_to>(3));
    CHECK(after.size() == 3);
    check_all_ended(pool);
  });
}

TEST_CASE("drain waits for streams, and shutdown ends them") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    {
      auto stream = pool.run_stream<&count_to>(2000);
      const std::optional<int> first = co_await stream.next();
      CHECK(first == 1);
      const bool is_drained = co_await rm::move_on_after(5ms, pool.drain());
      CHECK(!is_drained);
      pool.close();  // what runs goes on
      const std::vector<int> rest = co_await all_of(std::move(stream));
      CHECK(rest.size() == 1999);
    }
    co_await pool.drain();
    rm::process_pool other(one_worker());
    auto stream = other.run_stream<&own_pid_for_ever>();
    const std::optional<int> pid = co_await stream.next();
    CHECK(pid > 0);
    co_await other.shutdown(1ms);
    CHECK_THROWS_AS(
        co_await [](auto& from) -> rm::task<> {
          while (co_await from.next()) continue;
        }(stream),
        rm::pool_unavailable);
    check_all_ended(other);
  });
}

}  // namespace of_stream
