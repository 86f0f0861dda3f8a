// Who pays when a worker, a zygote or the memory goes.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <ringmill/runtime/detail/sanitizers.hpp>

#include "../support/scratch.hpp"
#include "pool_support.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_pool_kernel;

namespace of_blame {

int square(int n) { return n * n; }
int pid() { return getpid(); }
void crash() { std::abort(); }
void crash_with(const std::string& words) {
  [[maybe_unused]] const auto n = write(STDERR_FILENO, words.data(), words.size());
  std::abort();
}
void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
/// Leaves a byte in the file for each time that it was begun.
int counted(const std::string& file, int ms) {
  const int to = open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600);
  [[maybe_unused]] const auto n = write(to, "x", 1);
  close(to);
  sleep_ms(ms);
  return getpid();
}
void crash_counted(const std::string& file) {
  counted(file, 0);
  std::abort();
}
/// Crashes the first time.
int crash_once(const std::string& file) {
  if (access(file.c_str(), F_OK) == 0) return 7;
  counted(file, 0);
  std::abort();
}
/// Short for most, so that several of them are given to a worker at once.
int short_or_until_there(const std::string& file) {
  while (!file.empty() && access(file.c_str(), F_OK) != 0) sleep_ms(1);
  return getpid();
}
int short_or_crash(int n) {
  if (n < 0) std::abort();
  return n;
}
void kill_zygote() {
  kill(getppid(), SIGKILL);
  sleep_ms(10'000);
}
/// Writes over all memory that it shares with the host and may write: what a function that was taken over would do.
int scribble(int value) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("ringmill responses") == std::string::npos) continue;
    auto* begin = reinterpret_cast<unsigned char*>(std::stoull(line.substr(0, line.find('-')), nullptr, 16));
    std::fill(begin + 192, begin + 4096, static_cast<unsigned char>(value));
  }
  return 1;
}
int allocate_for_ever() {
  const rlimit small{std::size_t{512} << 20, std::size_t{512} << 20};
  setrlimit(RLIMIT_AS, &small);
  std::vector<std::unique_ptr<char[]>> all;
  for (;;) all.push_back(std::make_unique<char[]>(16 << 20));
}

namespace {

rm::pool_options one_worker() { return rm::pool_options().workers(1); }
rm::pool_options two_workers() { return rm::pool_options().workers(2); }

template <auto Function, class... Args>
rm::task<std::string> failure_of(rm::process_pool& pool, const rm::call_options& options, Args... args) {
  try {
    co_await pool.run<Function>(options, std::move(args)...);
  } catch (const rm::worker_crashed& error) {
    co_return error.is_quarantined() ? "quarantined" : "crashed";
  } catch (const rm::protocol_violation&) {
    co_return "violation";
  } catch (const std::exception& error) {
    co_return error.what();
  }
  co_return "none";
}

}  // namespace

TEST_CASE("a crash tells its signal, what the worker used and what it said last") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().on_stderr([](pid_t, std::string_view) {}));
    bool told = false;
    try {
      co_await pool.run<&crash_with>(std::string(10'000, '.') + "\nlast words\n");
    } catch (const rm::worker_crashed& error) {
      told = true;
      CHECK(error.signal() == SIGABRT);
      CHECK(error.usage().peak_memory > 100'000);
      CHECK(error.output().size() == 8 * 1024);
      CHECK(std::string(error.what()).ends_with("died of SIGABRT while running its task, having said: last words"));
      CHECK(error.output().ends_with("\nlast words\n"));
    }
    CHECK(told);
    CHECK(pool.stats().crashes.at(SIGABRT) == 1);
  });
}

TEST_CASE(
    "of the short tasks that one worker has, only the one that crashes it fails, and the others keep their order") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker().quarantine(0ms));
    for (int i = 0; i < 10; ++i) co_await pool.run<&short_or_crash>(i);
    std::vector<int> order;
    int crashed = 0;
    const auto call = [](rm::process_pool& in, int n, std::vector<int>& done, int& crashes) -> rm::task<> {
      try {
        done.push_back(co_await in.run<&short_or_crash>(n));
      } catch (const rm::worker_crashed&) {
        ++crashes;
      }
    };
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      for (int i = 0; i < 200; ++i) {
        tasks.start(call, std::ref(pool), i % 10 == 5 ? -1 : i, std::ref(order), std::ref(crashed));
      }
      co_return;
    });
    CHECK(crashed == 20);
    CHECK(order.size() == 180);
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(pool.stats().run_again > 0);
    CHECK(pool.stats()[rm::task_outcome::worker_crashed] == 20);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("what lies behind a slow task is taken over by a worker that is free") {
  on_each_pool_kernel([]() -> rm::task<> {
    support::scratch folder;
    const std::string file = folder / "go on";
    rm::process_pool pool(two_workers());
    for (int i = 0; i < 20; ++i) co_await pool.run<&short_or_until_there>("");
    int ended = 0;
    const auto call = [&](std::string waits_for) -> rm::task<> {
      co_await pool.run<&short_or_until_there>(waits_for);
      // The slow one goes on when all others have ended: none of them waits behind it.
      if (++ended == 12) std::ofstream(file).put('x');
    };
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      tasks.start(call, file);
      for (int i = 0; i < 12; ++i) tasks.start(call, std::string());
      co_return;
    });
    CHECK(ended == 13);
    CHECK(pool.stats().taken_back > 0);
    CHECK(pool.stats().run_again == 0);
  });
}

TEST_CASE("a call that killed two workers is not run again for a while, others of the same function are") {
  on_each_pool_kernel([]() -> rm::task<> {
    support::scratch folder;
    rm::process_pool pool(one_worker().quarantine(1h));
    const std::string file = folder / "bad";
    const rm::call_options plain;
    const auto call = [&](std::string name) { return failure_of<&crash_counted>(pool, plain, std::move(name)); };
    for (const char* expected : {"crashed", "crashed", "quarantined", "quarantined"}) {
      const std::string how = co_await call(file);
      CHECK(how == expected);
    }
    CHECK(support::contents_of(file).size() == 2);
    const std::string other = co_await call(folder / "other");
    CHECK(other == "crashed");
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("an idempotent task is tried again when its worker dies, one that is not is not") {
  on_each_pool_kernel([]() -> rm::task<> {
    support::scratch folder;
    rm::process_pool pool(one_worker());
    const int value = co_await pool.run<&crash_once>(rm::call_options().idempotent(), folder / "once");
    CHECK(value == 7);
    const std::string how =
        co_await failure_of<&crash_counted>(pool, rm::call_options().idempotent(1), folder / "twice");
    CHECK(how == "crashed");
    CHECK(support::contents_of(folder / "twice").size() == 2);
  });
}

TEST_CASE("when the zygote dies nobody is blamed: tasks run again, those that may not fail") {
  on_each_pool_kernel([]() -> rm::task<> {
    support::scratch folder;
    rm::process_pool pool(two_workers());
    const int worker = co_await pool.run<&pid>();
    std::string plain = "?";
    std::string once = "?";
    rm::nursery tasks;
    const auto call = [](rm::process_pool& in, rm::call_options how, std::string file, std::string& to) -> rm::task<> {
      to = co_await failure_of<&counted>(in, how, std::move(file), 50);
    };
    co_await tasks.run([&]() -> rm::task<> {
      tasks.start(call, std::ref(pool), rm::call_options(), folder / "plain", std::ref(plain));
      tasks.start(call, std::ref(pool), rm::call_options().at_most_once(), folder / "once", std::ref(once));
      while (support::contents_of(folder / "plain").empty() || support::contents_of(folder / "once").empty()) {
        co_await rm::sleep_for(1ms);
      }
      const int zygote = support::parent_of(worker);
      REQUIRE(zygote > 1);
      kill(zygote, SIGKILL);
    });
    CHECK(plain == "none");
    CHECK(once == "crashed");
    CHECK(support::contents_of(folder / "plain").size() == 2);
    CHECK(support::contents_of(folder / "once").size() == 1);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("a task that kills its zygote each time is found out") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const std::string how = co_await failure_of<&kill_zygote>(pool, rm::call_options());
    CHECK(how == "crashed");
    const int squared = co_await pool.run<&square>(3);
    CHECK(squared == 9);
  });
}

TEST_CASE("a worker that writes nonsense into the shared memory is killed, and harms nobody else") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(two_workers());
    for (const int value : {0, 1, 0x7f, 0xff}) {
      const std::string how = co_await failure_of<&scribble>(pool, rm::call_options().run_timeout(1s), value);
      // With some values the nonsense lies where nobody looks before the worker writes over it.
      const bool harmless = how == "violation" || how == "none";
      CHECK(harmless);
      const int squared = co_await pool.run<&square>(value);
      CHECK(squared == value * value);
    }
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("a function that runs out of memory throws bad_alloc, and its worker goes on") {
#if defined(RINGMILL_ASAN)
  MESSAGE("skipped: AddressSanitizer maps more than any limit of memory allows");
  return;
#endif
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    CHECK_THROWS_AS(co_await pool.run<&allocate_for_ever>(), std::bad_alloc);
    const int squared = co_await pool.run<&square>(3);
    CHECK(squared == 9);
  });
}

TEST_CASE("a shortage of descriptors while the last worker is replaced delays tasks, and ends nothing") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    std::vector<rm::fd> taken;
    for (;;) {
      rm::fd one(open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!one) break;
      taken.push_back(std::move(one));
    }
    kill(worker, SIGKILL);
    int value = 0;
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      tasks.start([&]() -> rm::task<> { value = co_await pool.run<&square>(5); });
      co_await rm::sleep_for(50ms);
      CHECK(value == 0);
      CHECK(pool.worker_pids().empty());
      taken.clear();
    });
    CHECK(value == 25);
    CHECK(support::adds_up(pool.stats()));
  });
}

TEST_CASE("a shortage when the zygote has to be replaced ends nothing either") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(one_worker());
    const int worker = co_await pool.run<&pid>();
    const int zygote = support::parent_of(worker);  // now: it takes a descriptor
    REQUIRE(zygote > 1);
    std::vector<rm::fd> taken;
    for (;;) {
      rm::fd one(open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!one) break;
      taken.push_back(std::move(one));
    }
    kill(zygote, SIGKILL);
    co_await rm::sleep_for(30ms);
    taken.clear();
    const int squared = co_await pool.run<&square>(5);
    CHECK(squared == 25);
  });
}

TEST_CASE("five hundred crashes in a row leave no process, descriptor or mapping") {
  on_each_pool_kernel([]() -> rm::task<> {
    const auto mappings = [] {  // of what is shared with workers; a sanitizer has many of its own
      std::ifstream all("/proc/self/maps");
      int count = 0;
      for (std::string line; std::getline(all, line);)
        count += line.find("memfd:ringmill") != std::string::npos ? 1 : 0;
      return count;
    };
    rm::process_pool pool(one_worker().quarantine(0ms));
    const rm::call_options plain;
    for (int i = 0; i < 20; ++i) co_await failure_of<&crash>(pool, plain);
    co_await pool.run<&pid>();
    const int descriptors = support::open_descriptors();
    const auto before = mappings();
    int crashed = 0;
    for (int i = 0; i < 500; ++i) {
      // On a busy machine all of them may take half a minute, a tenth of a second each. One that takes longer than this
      // has been waiting for start_timeout.
      auto failure = rm::with_timeout(5s, failure_of<&crash>(pool, plain));
      const std::string how = co_await std::move(failure);
      if (how == "crashed") ++crashed;
    }
    co_await pool.run<&pid>();
    CHECK(crashed == 500);
    CHECK(support::open_descriptors() == descriptors);
    CHECK(mappings() == before);
    CHECK(pool.worker_pids().size() == 1);
  });
}

}  // namespace of_blame
