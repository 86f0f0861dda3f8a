// Results that are read where they lie: read_in_place.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include <ringmill/offload/channel_protocol.hpp>

#include "../support/death.hpp"
#include "pool_support.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::adds_up;
using support::on_each_pool_kernel;

namespace of_reading {

constexpr std::size_t inline_size = 100;      // lies in a small place of the channel
constexpr std::size_t large_size = 1U << 20;  // lies in the large one

std::string letters(char letter, std::uint64_t count) { return std::string(count, letter); }
std::vector<std::uint64_t> numbers(std::uint64_t count) {
  std::vector<std::uint64_t> all(count);
  std::iota(all.begin(), all.end(), std::uint64_t{0});
  return all;
}
/// Until the file is gone. It does not sleep: a worker that does has answered all that it was given.
std::vector<std::uint64_t> numbers_when_open(const std::string& gate, std::uint64_t count) {
  while (access(gate.c_str(), F_OK) == 0) std::this_thread::yield();
  return numbers(count);
}
using report = std::tuple<std::vector<std::string>, std::optional<std::vector<std::uint16_t>>, std::pair<int, bool>>;
report make_report() { return {{"one", "", "three"}, std::vector<std::uint16_t>{1, 2, 3}, {-7, true}}; }
int one() { return 1; }
int pid() { return getpid(); }
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

/// A worker that was taken over: from now on something in it writes over the large place, but for its first length.
void begin_to_scribble() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:ringmill responses") == std::string::npos || line.find(" rw-s ") == std::string::npos)
      continue;
    const auto begin = std::stoull(line, nullptr, 16);
    auto* const first = reinterpret_cast<volatile unsigned char*>(begin + rm::detail::output_places::large_offset + 8);
    std::thread([first] {
      for (unsigned char value = 0;; ++value) {
        for (std::size_t at = 0; at < 2 * large_size; at += 61) first[at] = value;
      }
    }).detach();
  }
}
std::string scribbled_text(std::uint64_t size) {
  begin_to_scribble();
  return std::string(size, 'a');
}
std::vector<std::string> scribbled_texts(std::uint64_t count) {
  begin_to_scribble();
  return std::vector<std::string>(count, std::string(50, 'b'));
}

}  // namespace of_reading

using namespace of_reading;

namespace {

rm::pool_options one_worker() { return rm::pool_options().workers(1).output_capacity(4 * large_size); }

/// Where the bytes lie that a view shows: in a memory that is shared with a worker?
bool is_shared_memory(const void* address) {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto dash = line.find('-');
    if (number < std::stoull(line.substr(0, dash), nullptr, 16)) continue;
    if (number < std::stoull(line.substr(dash + 1), nullptr, 16)) {
      return line.find("memfd:ringmill responses") != std::string::npos;
    }
  }
  return false;
}

std::size_t count_of(char letter, std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), letter));
}

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

TEST_CASE("a reader sees the result where the worker has put it, small or large, and gives the call's value") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    for (const std::size_t size : {std::size_t{0}, inline_size, large_size}) {
      bool is_in_place = false;
      const auto reader = [&](std::string_view text) {
        is_in_place = is_shared_memory(text.data());
        return count_of('r', text);
      };
      const std::size_t count = co_await pool.run<&letters>('r', size).read_in_place(reader);
      CHECK(count == size);
      CHECK(is_in_place);
    }
    CHECK(pool.stats()[rm::task_outcome::value] == 3);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("a reader may be a function, a temporary, or what stays under its name; and may give nothing") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const std::string copy =
        co_await pool.run<&letters>('c', 5).read_in_place(+[](std::string_view text) { return std::string(text); });
    CHECK(copy == "ccccc");
    std::size_t seen = 0;
    co_await pool.run<&letters>('c', 7).read_in_place([&seen](std::string_view text) { seen = text.size(); });
    CHECK(seen == 7);
    std::function<void(std::string_view)> named = [&seen](std::string_view text) { seen += text.size(); };
    auto call = pool.try_run<&letters>(rm::call_options().priority(rm::task_priority::high), 'c', 8);
    co_await std::move(call).read_in_place(named);
    CHECK(seen == 15);
    const int given = co_await pool.run<&one>().read_in_place([](int value) { return value + 1; });
    CHECK(given == 2);
  });
}

TEST_CASE("numbers are seen as a span, and come without another copy into memory that the caller has") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    std::vector<std::uint64_t> mine(large_size / 8, 1);
    const std::uint64_t* const place = mine.data();
    const auto copy = [&mine](std::span<const std::uint64_t> all) {
      if (all.size() != mine.size()) throw std::length_error("not as many as there is room for");
      std::copy(all.begin(), all.end(), mine.begin());
    };
    co_await pool.run<&numbers>(mine.size()).read_in_place(copy);
    CHECK(mine.data() == place);
    CHECK(std::accumulate(mine.begin(), mine.end(), std::uint64_t{0}) == mine.size() * (mine.size() - 1) / 2);
  });
}

TEST_CASE("what is made of strings and vectors is seen as made of views") {
  static_assert(std::is_same_v<rm::result_view<report>,
                               std::tuple<std::vector<std::string_view>, std::optional<std::span<const std::uint16_t>>,
                                          std::pair<int, bool>>>);
  static_assert(std::is_same_v<rm::result_view<std::vector<bool>>, std::vector<bool>>);
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    std::string words;
    int sum = 0;
    co_await pool.run<&make_report>().read_in_place([&](const rm::result_view<report>& seen) {
      for (const std::string_view word : std::get<0>(seen)) (words += word) += '.';
      for (const std::uint16_t number : std::get<1>(seen).value()) sum += number;
      sum += std::get<2>(seen).first;
    });
    CHECK(words == "one..three.");
    CHECK(sum == -1);
  });
}

TEST_CASE("what a reader throws comes to the task that awaits, and the worker goes on") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    const auto refuse = [](std::string_view text) -> int {
      if (text.size() > inline_size) throw rm::protocol_error("not with me");
      throw std::runtime_error("no");
    };
    const auto twice = rm::call_options().idempotent(5);
    CHECK_THROWS_WITH_AS(co_await pool.run<&letters>(twice, 'a', inline_size).read_in_place(refuse), "no",
                         std::runtime_error);
    CHECK_THROWS_WITH_AS(co_await pool.run<&letters>(twice, 'a', large_size).read_in_place(refuse), "not with me",
                         rm::protocol_error);
    const int same = co_await pool.run<&pid>();
    CHECK(same == worker);
    CHECK(pool.stats().killed == 0);
    CHECK(pool.stats().run_again == 0);
    CHECK(pool.stats()[rm::task_outcome::value] == 4);
  });
}

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

TEST_CASE("calls that are made from a reader, by a task that it starts, run like others") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    int sum = 0;
    rm::nursery tasks;
    const auto add = [&]() -> rm::task<> { sum += co_await pool.run<&one>(); };
    const auto call = [&]() -> rm::task<> {
      co_await pool.run<&letters>('a', large_size).read_in_place([&](std::string_view text) {
        for (int count = 0; count < 10; ++count) tasks.start(add);
        CHECK(count_of('a', text) == large_size);
      });
    };
    co_await tasks.run([&]() -> rm::task<> {
      for (int count = 0; count < 5; ++count) tasks.start(call);
      co_return;
    });
    CHECK(sum == 50);
    CHECK(pool.stats().killed == 0);
    CHECK(adds_up(pool.stats()));
  });
}

TEST_CASE("a worker that writes over what is read harms nobody: where a view begins and ends is read once") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().recycle_after_tasks(1));
    for (int round = 0; round < 5; ++round) {
      bool has_changed = false;
      const auto see_it_change = [&has_changed](std::string_view text) {
        const std::string copy(text);
        const auto patience = std::chrono::steady_clock::now() + 20s;
        while (!has_changed && std::chrono::steady_clock::now() < patience) has_changed = copy != text;
        return text.size();
      };
      const std::size_t size = co_await pool.run<&scribbled_text>(large_size).read_in_place(see_it_change);
      CHECK(has_changed);
      CHECK(size == large_size);
      // A length that was hit is found before the reader is called, or it is the view's for good.
      bool is_inside = true;
      const auto look = [&is_inside](const std::vector<std::string_view>& all) {
        for (const std::string_view text : all) {
          is_inside = is_inside && text.data() >= all.front().data() &&
                      text.data() + text.size() <= all.front().data() + 4 * large_size;
        }
        return all.size();
      };
      try {
        const std::size_t count = co_await pool.run<&scribbled_texts>(2000).read_in_place(look);
        CHECK(count == 2000);
      } catch (const rm::protocol_violation&) {
      }
      CHECK(is_inside);
    }
    const std::string after = co_await pool.run<&letters>('z', 3);
    CHECK(after == "zzz");
    CHECK(pool.stats()[rm::task_outcome::protocol_violation] <= 5);
    CHECK(adds_up(pool.stats()));
  });
}
