// Results that are read where they lie, read_in_place: what cancels, deaths and missing results do to a reader.
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../support/death.hpp"
#include "pool_reading.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::adds_up;
using support::on_each_pool_kernel;

namespace of_reading {

/// Until the file is gone. It does not sleep: a worker that does has answered all that it was given.
std::vector<std::uint64_t> numbers_when_open(const std::string& gate, std::uint64_t count) {
  while (access(gate.c_str(), F_OK) == 0) std::this_thread::yield();
  return numbers(count);
}
void fail() { throw std::out_of_range("far out"); }
std::string fail_with_text() {
  fail();
  return {};
}
std::string die_with_text() {
  raise(SIGKILL);
  return {};
}
/// Once in all, as the file tells.
std::string die_at_first(const std::string& file) {
  if (!std::ifstream(file).good()) {
    std::ofstream(file).put('x');
    raise(SIGKILL);
  }
  return file;
}
std::string until_cancelled() {
  rm::offload::report_progress(0.5);
  while (!rm::offload::cancelled()) std::this_thread::sleep_for(1ms);
  return "seen";
}
std::string hang() {
  for (;;) std::this_thread::sleep_for(1s);
}

namespace {

/// A file that a worker waits for to be gone.
class gate {
 public:
  gate() { close(mkstemp(path_.data())); }
  ~gate() { open(); }
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  const std::string& path() const { return path_; }
  void open() { unlink(path_.c_str()); }

 private:
  std::string path_ = "/tmp/ringmill_reading_XXXXXX";
};

/// Until the calls that were started are at their workers.
rm::task<> a_few_turns() {
  for (int turns = 0; turns < 4; ++turns) co_await rm::yield();
}

/// Until a worker that was given calls has answered them all. The loop does not look meanwhile.
void wait_until_it_sleeps(int worker) {
  const auto patience = std::chrono::steady_clock::now() + 20s;
  for (;;) {
    std::ifstream status("/proc/" + std::to_string(worker) + "/stat");
    std::string text;
    std::getline(status, text);
    if (text.find(") S ") != std::string::npos) return;
    if (std::chrono::steady_clock::now() > patience) throw std::runtime_error("a worker has not answered for 20 s");
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace

TEST_CASE("a reader is not called where there is no result, and once where the call was tried twice") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    int calls = 0;
    const auto reader = [&calls](std::string_view text) { return ++calls, text.size(); };
    CHECK_THROWS_AS(co_await pool.run<&fail_with_text>().read_in_place(reader), std::out_of_range);
    CHECK_THROWS_AS(co_await pool.run<&die_with_text>().read_in_place(reader), rm::worker_crashed);
    CHECK_THROWS_AS(co_await pool.run<&letters>('a', 5 * large_size).read_in_place(reader), rm::payload_too_large);
    CHECK_THROWS_AS(co_await pool.run<&hang>(rm::call_options().run_timeout(5ms)).read_in_place(reader),
                    rm::deadline_exceeded);
    CHECK(calls == 0);
    char file[] = "/tmp/ringmill_reading_XXXXXX";
    close(mkstemp(file));
    unlink(file);
    const std::size_t size =
        co_await pool.run<&die_at_first>(rm::call_options().idempotent(), std::string(file)).read_in_place(reader);
    unlink(file);
    CHECK(size == sizeof file - 1);
    CHECK(calls == 1);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("a call that is killed by a cancel has no reader called") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    int calls = 0;
    const auto reader = [&calls](std::string_view) { return ++calls; };
    const auto killed = co_await rm::move_on_after(5ms, pool.run<&hang>().read_in_place(reader));
    CHECK_FALSE(killed.has_value());
    CHECK(calls == 0);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("what comes within the grace of a cancel is read, and the task goes on with it until its next wait") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    rm::event begun;
    std::string seen;
    bool went_on = false;
    bool went_further = false;
    const auto call = [&]() -> rm::task<> {
      const auto patient = rm::call_options().cancel_grace(20s).on_progress([&begun](double) { begun.set(); });
      const auto keep = [&seen](std::string_view text) { seen = text; };
      co_await pool.run<&until_cancelled>(patient).read_in_place(keep);
      went_on = true;
      co_await rm::sleep_for(1ms);
      went_further = true;
    };
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      tasks.start(call);
      co_await begun.wait();
      tasks.cancel();
    });
    CHECK(seen == "seen");
    CHECK(went_on);
    CHECK_FALSE(went_further);
    CHECK(pool.stats().killed == 0);
  });
}

TEST_CASE("a call that is queued or given to a worker behind another one is cancelled without its reader") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    int calls = 0;
    const auto call = [](rm::process_pool& in, int& readers) -> rm::task<> {
      co_await in.run<&letters>('a', inline_size).read_in_place([&readers](std::string_view) { ++readers; });
    };
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      for (int count = 0; count < 20; ++count) tasks.start(call, std::ref(pool), std::ref(calls));
      tasks.cancel();
      co_return;
    });
    CHECK(calls == 0);
    co_await call(pool, calls);
    CHECK(calls == 1);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("a result that is there when its call is cancelled is read by its own task, and not inside of the cancel") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    for (const bool is_fiber : {false, true}) {
      for (int warm = 0; warm < 50; ++warm) {  // short: the worker gets several
        co_await pool.run<&one>();
        co_await pool.run<&numbers_when_open>(std::string("/none"), std::uint64_t{1000});
      }
      gate closed;
      rm::nursery first;
      rm::nursery second;
      bool is_inside = false;
      std::uint64_t sum = 0;
      bool went_further = false;
      const auto add_up = [&](std::span<const std::uint64_t> all) {
        CHECK_FALSE(is_inside);
        for (const std::uint64_t number : all) sum += number;
      };
      const auto call = [&]() -> rm::task<> {
        co_await pool.run<&numbers_when_open>(closed.path(), std::uint64_t{1000}).read_in_place(add_up);
        co_await rm::yield();
        went_further = true;
      };
      const auto behind = [&]() -> rm::task<> { co_await pool.run<&one>(); };
      const auto cancel_both = [&] {
        is_inside = true;
        second.cancel();  // its result counts, and lies behind the other one
        first.cancel();
        is_inside = false;
      };
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> { co_await first.run(call); });
        all.start([&]() -> rm::task<> { co_await second.run(behind); });
        co_await a_few_turns();
        CHECK(pool.stats().running == 2);
        closed.open();
        wait_until_it_sleeps(worker);
        if (is_fiber) {
          co_await rm::fiber(cancel_both);
        } else {
          cancel_both();
        }
      });
      CHECK(sum == 1000 * 999 / 2);
      CHECK_FALSE(went_further);
    }
    CHECK(pool.stats()[rm::task_outcome::cancelled] == 0);
    CHECK(pool.stats().killed == 0);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("what a reader throws, or gives, when a cancel came after the result is its task's all the same") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    for (const bool throws : {false, true}) {
      gate closed;
      rm::nursery calls;
      std::size_t given = 0;
      std::string thrown;
      const auto reader = [&](std::span<const std::uint64_t> all) {
        if (throws) throw std::range_error("not this one");
        return all.size();
      };
      const auto call = [&]() -> rm::task<> {
        try {
          given = co_await pool.run<&numbers_when_open>(closed.path(), std::uint64_t{7}).read_in_place(reader);
        } catch (const std::range_error& error) {
          thrown = error.what();
        }
      };
      co_await calls.run([&]() -> rm::task<> {
        calls.start(call);
        co_await a_few_turns();
        closed.open();
        wait_until_it_sleeps(worker);
        calls.cancel();
      });
      CHECK(given == (throws ? 0 : 7));
      CHECK(thrown == (throws ? "not this one" : ""));
    }
    CHECK(pool.stats()[rm::task_outcome::value] == 3);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("a result that is there when its time is over, or when its worker is dead, is read") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    const auto size_of = [](std::string_view text) { return text.size(); };
    std::size_t sizes = 0;
    const auto call = [&](std::uint64_t size) -> rm::task<> {
      const auto limited = rm::call_options().run_timeout(200ms);
      sizes += co_await pool.run<&letters>(limited, 'a', size).read_in_place(size_of);
    };
    rm::nursery calls;
    co_await calls.run([&]() -> rm::task<> {
      calls.start(call, std::uint64_t{1});
      co_await a_few_turns();
      wait_until_it_sleeps(worker);
      std::this_thread::sleep_for(210ms);  // when the loop looks, both have come
    });
    co_await calls.run([&]() -> rm::task<> {
      calls.start(call, std::uint64_t{2});
      co_await a_few_turns();
      wait_until_it_sleeps(worker);
      kill(worker, SIGKILL);
      CHECK(support::gone_within(20s, {worker}));
      std::this_thread::sleep_for(20ms);  // its zygote says so
    });
    CHECK(sizes == 3);
    CHECK(pool.stats().run_again == 0);
    const int next = co_await pool.run<&pid>();
    CHECK(next != worker);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("a reader may cancel all other calls of its worker, and its own task") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    for (int warm = 0; warm < 50; ++warm) co_await pool.run<&letters>('a', 1);  // short: the worker gets several
    for (int round = 0; round < 20; ++round) {
      int calls = 0;
      rm::nursery tasks;
      const auto call = [&](int at) -> rm::task<> {
        co_await pool.run<&letters>('a', at % 2 ? inline_size : large_size).read_in_place([&](std::string_view text) {
          CHECK(count_of('a', text) == text.size());
          ++calls;
          if (at == round % 10) tasks.cancel();
          CHECK(count_of('a', text) == text.size());
        });
      };
      co_await tasks.run([&]() -> rm::task<> {
        for (int at = 0; at < 20; ++at) tasks.start(call, at);
        co_return;
      });
      CHECK(calls >= 1);
      CHECK(adds_up(pool.stats()));
      CHECK(pool.stats().running == 0);
    }
    const std::string after = co_await pool.run<&letters>('z', 3);
    CHECK(after == "zzz");
  });
}

TEST_CASE("a reader that cancels a call behind it still sees its own bytes, not those of the one after that") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    constexpr std::size_t size = 8 * 1024;
    const auto wait = [] {  // as a reader: nothing else runs here
      const auto until = std::chrono::steady_clock::now() + 3ms;
      while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    };
    for (int round = 0; round < 10; ++round) {
      // The worker gets the next three at once if the last ones were short.
      for (int warm = 0; warm < 50; ++warm) co_await pool.run<&letters>('a', size);
      rm::nursery one;
      rm::nursery two;
      rm::nursery three;
      const auto first = [&]() -> rm::task<> {
        co_await pool.run<&letters>('1', size).read_in_place([&](std::string_view text) {
          wait();  // the worker answers the second call, and has the third one's result for this place
          two.cancel();
          wait();
          CHECK(count_of('1', text) == size);
        });
      };
      const auto second = [&]() -> rm::task<> { co_await pool.run<&letters>('2', inline_size); };
      const auto third = [&]() -> rm::task<> {
        const std::string text = co_await pool.run<&letters>('3', size);
        CHECK(count_of('3', text) == size);
      };
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> { co_await one.run(first); });
        all.start([&]() -> rm::task<> { co_await two.run(second); });
        all.start([&]() -> rm::task<> { co_await three.run(third); });
        co_return;
      });
    }
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE(
    "calls that are cancelled by a reader after they have ended are not run again, and nor are those behind them") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    for (int warm = 0; warm < 50; ++warm) co_await pool.run<&letters>('a', 1);
    for (int warm = 0; warm < 50; ++warm) co_await pool.run<&one>();
    rm::nursery victim;
    int ended = 0;
    const auto call = [&]() -> rm::task<> { ended += co_await pool.run<&one>(); };
    const auto reader = [&](std::string_view) {
      std::this_thread::sleep_for(5ms);  // the worker answers all that it has
      victim.cancel();
    };
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> { co_await pool.run<&letters>('a', inline_size).read_in_place(reader); });
      all.start([&]() -> rm::task<> { co_await victim.run(call); });
      for (int count = 0; count < 3; ++count) all.start(call);
      co_return;
    });
    CHECK(ended >= 3);
    CHECK(pool.stats().killed == 0);
    CHECK(pool.stats().run_again == 0);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("a reader sees its bytes to the end though its worker has died and it closes what waits for the kernel") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    std::optional<rm::process_pool> other(one_worker());
    co_await other->run<&one>();
    const int worker = co_await pool.run<&pid>();
    const std::size_t count = co_await pool.run<&letters>('a', large_size).read_in_place([&](std::string_view text) {
      kill(worker, SIGKILL);
      CHECK(support::gone_within(20s, {worker}));
      std::this_thread::sleep_for(20ms);  // its zygote says so
      other.reset();
      return count_of('a', text);
    });
    CHECK(count == large_size);
    const int next = co_await pool.run<&pid>();
    CHECK(next != worker);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("a pool that is destroyed by its own reader says so") {
#if defined(RINGMILL_TSAN)
  MESSAGE("not under ThreadSanitizer: it allows no threads in a child of a program that has some");
#else
  const std::string said = support::death_of([] {
    auto body = []() -> rm::task<> {
      std::optional<rm::process_pool> pool(one_worker());
      const auto destroy = [&pool](std::string_view) { pool.reset(); };
      co_await pool->run<&letters>('a', inline_size).read_in_place(destroy);
    };
    rm::run(body());
  });
  CHECK(said.find("a process_pool was destroyed by a function that it called: a reader") != std::string::npos);
#endif
}

}  // namespace of_reading
