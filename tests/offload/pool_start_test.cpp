// In what surroundings a pool starts; names of functions, state of workers.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <ringmill/offload/map.hpp>
#include <ringmill/offload/worker_local.hpp>

#include "../support/scratch.hpp"
#include "pool_support.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::on_each_pool_kernel;

namespace of_start {

int pid() { return getpid(); }
int add(int a, int b) { return a + b; }
double add(double a, double b) { return a + b; }
static int negate(int n) { return -n; }

class counter {
 public:
  int next() { return ++value_; }

 private:
  int value_ = 100;
};
rm::worker_local<counter> calls;
int count_call() { return calls->next(); }
void crash() { std::abort(); }

constexpr const char* first_start = "RINGMILL_TEST_FIRST_START";  // a file that the first worker removes
/// As a stop of the whole process group would do it: neither worker nor zygote goes on.
void stop_once_with_zygote() {
  const char* const marker = std::getenv(first_start);
  if (!marker || unlink(marker) < 0) return;
  kill(getppid(), SIGSTOP);
  kill(getpid(), SIGSTOP);
}

/// The zygote takes no question at first, and there is no memory for a second worker.
class poor_ipc final : public rm::ipc_calls {
 public:
  explicit poor_ipc(rm::ipc_calls& behind) noexcept : behind_(behind) {}
  int make_memory(const char* name, std::size_t size) override {
    constexpr int for_one_worker = 2;
    return ++memories_ > for_one_worker ? -ENOMEM : behind_.make_memory(name, size);
  }
  int send_message(int, const msghdr&, int) override { return -EAGAIN; }

  int seal_memory(int memory, int seals) override { return behind_.seal_memory(memory, seals); }
  int map_memory(int memory, std::size_t size, bool writable, void*& address) override {
    return behind_.map_memory(memory, size, writable, address);
  }
  int make_writable(void* address, std::size_t size) override { return behind_.make_writable(address, size); }
  void unmap_memory(void* address, std::size_t size) noexcept override { behind_.unmap_memory(address, size); }
  void wake(const std::uint32_t* word) noexcept override { behind_.wake(word); }
  int make_event() override { return behind_.make_event(); }
  int receive_message(int socket, msghdr& message, int flags) override {
    return behind_.receive_message(socket, message, flags);
  }
  int set_non_blocking(int fd) override { return behind_.set_non_blocking(fd); }
  int read_at_once(int fd, void* data, std::size_t size) override { return behind_.read_at_once(fd, data, size); }

 private:
  rm::ipc_calls& behind_;
  int memories_ = 0;
};

class poor_kernel final : public support::forwarding_kernel {
 public:
  using forwarding_kernel::forwarding_kernel;
  rm::ipc_calls& ipc() noexcept override { return poor_; }

 private:
  poor_ipc poor_{forwarding_kernel::ipc()};
};

/// A type that is not trivially copyable, with invariants of its own: the numbers are always sorted.
class sorted_numbers {
 public:
  explicit sorted_numbers(std::vector<int> numbers) : numbers_(std::move(numbers)) {
    std::sort(numbers_.begin(), numbers_.end());
  }
  const std::vector<int>& all() const { return numbers_; }

 private:
  std::vector<int> numbers_;
};
sorted_numbers merge(const sorted_numbers& a, const sorted_numbers& b) {
  std::vector<int> both = a.all();
  both.insert(both.end(), b.all().begin(), b.all().end());
  return sorted_numbers(std::move(both));
}

}  // namespace of_start

template <>
struct ringmill::codec<of_start::sorted_numbers> {
  template <class Sink>
  static void write(Sink& sink, const of_start::sorted_numbers& value) {
    write_value(sink, value.all());
  }
  static of_start::sorted_numbers read(byte_reader& in) {
    return of_start::sorted_numbers(read_value<std::vector<int>>(in));
  }
};

namespace of_start {

namespace {

constexpr const char* variable = "RINGMILL_TEST_OWN_FILE";

/// This program again, from a file of its own, with one test only.
int run_copy(const char* test) {
  const support::scratch folder;
  const std::string file = folder / "copy";
  std::filesystem::copy_file("/proc/self/exe", file);
  const std::string filter = std::string("--test-case=") + test;
  const std::string setting = std::string(variable) + "=" + file;
  std::vector<char*> environment;
  for (char** one = environ; *one; ++one) environment.push_back(*one);
  environment.push_back(const_cast<char*>(setting.c_str()));
  environment.push_back(nullptr);
  // Says nothing if it succeeds: what it says would be counted with the other tests.
  char* const arguments[] = {const_cast<char*>(file.c_str()), const_cast<char*>("--minimal"),
                             const_cast<char*>(filter.c_str()), nullptr};
  pid_t child = 0;
  REQUIRE(posix_spawn(&child, file.c_str(), nullptr, nullptr, arguments, environment.data()) == 0);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

rm::task<> use_a_pool() {
  rm::process_pool pool(rm::pool_options().workers(1));
  const int sum = co_await pool.run<static_cast<int (*)(int, int)>(&add)>(2, 3);
  CHECK(sum == 5);
}

}  // namespace

TEST_CASE("as its own program: the file was deleted") {
  const char* file = std::getenv(variable);
  if (!file) return;  // only in the copy
  REQUIRE(unlink(file) == 0);
  rm::run(use_a_pool());
}

TEST_CASE("as its own program: the file was replaced") {
  const char* file = std::getenv(variable);
  if (!file) return;
  support::make_file(std::string(file) + ".new", "#!/bin/false\n");
  std::filesystem::rename(std::string(file) + ".new", file);
  rm::run(use_a_pool());
}

TEST_CASE("a pool starts when the program's file was deleted or replaced") {
  if (std::getenv(variable)) return;
  CHECK(run_copy("as its own program: the file was deleted") == 0);
  CHECK(run_copy("as its own program: the file was replaced") == 0);
}

TEST_CASE("overloads, and functions with a name of their own") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1));
    const double sum = co_await pool.run<static_cast<double (*)(double, double)>(&add)>(0.5, 0.25);
    CHECK(sum == 0.75);
    const int negative = co_await pool.run<rm::named_function<"negate a number", &negate>>(4);
    CHECK(negative == -4);
  });
}

TEST_CASE("a type of the user's crosses by its own codec, alone and inside of others") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1));
    const std::vector<int> two = {3, 1};
    const std::vector<int> others = {2, 0};
    const sorted_numbers a(two);
    const sorted_numbers b(others);
    const sorted_numbers merged = co_await pool.run<&merge>(a, b);
    CHECK(merged.all() == std::vector<int>{0, 1, 2, 3});
    std::vector<std::tuple<sorted_numbers, sorted_numbers>> pairs;
    pairs.emplace_back(a, a);
    pairs.emplace_back(merged, a);
    const std::vector<sorted_numbers> all = co_await pool.map<&merge>(pairs);
    REQUIRE(all.size() == 2);
    CHECK(all[1].all() == std::vector<int>{0, 1, 1, 2, 3, 3});
  });
}

TEST_CASE("a worker_local lasts from task to task, is each worker's own, and begins anew in the next") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1));
    for (const int expected : {101, 102, 103}) {
      const int counted = co_await pool.run<&count_call>();
      CHECK(counted == expected);
    }
    CHECK_THROWS_AS(co_await pool.run<&crash>(), rm::worker_crashed);
    const int again = co_await pool.run<&count_call>();
    CHECK(again == 101);
  });
}

TEST_CASE("a pool in a program with other threads, which allocate and hold locks all the time") {
  std::atomic<bool> is_over = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!is_over) {
        const std::vector<std::string> garbage(100, std::string(100, 'g'));
        std::this_thread::yield();
      }
    });
  }
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(2));
    for (int i = 0; i < 50; ++i) {
      if (i % 10 == 0) {
        CHECK_THROWS_AS(co_await pool.run<&crash>(), rm::worker_crashed);
      }
      const int sum = co_await pool.run<static_cast<int (*)(int, int)>(&add)>(i, i);
      CHECK(sum == 2 * i);
    }
  });
  is_over = true;
  for (std::thread& one : threads) one.join();
}

TEST_CASE("two pools at once, and one after the other, have nothing to do with each other") {
  on_each_pool_kernel([]() -> rm::task<> {
    rm::process_pool first(rm::pool_options().workers(1));
    const int one = co_await first.run<&pid>();
    {
      rm::process_pool second(rm::pool_options().workers(1));
      const int two = co_await second.run<&pid>();
      CHECK(one != two);
      CHECK(support::parent_of(one) != support::parent_of(two));
    }
    const int same = co_await first.run<&pid>();
    CHECK(same == one);
  });
}

TEST_CASE("a worker that does not start under a zygote that stands still is replaced together with it") {
  const support::scratch folder;
  const std::string marker = folder / "first";
  setenv(first_start, marker.c_str(), 1);
  on_each_pool_kernel([&]() -> rm::task<> {
    std::ofstream(marker) << "x";
    rm::process_pool pool(rm::pool_options().workers(1).start_timeout(100ms).initializer<&stop_once_with_zygote>());
    const int sum = co_await rm::with_timeout(20s, pool.run<static_cast<int (*)(int, int)>(&add)>(1, 2));
    CHECK(sum == 3);
    CHECK(pool.stats().started == 2);
  });
  unsetenv(first_start);
}

TEST_CASE("a pool that cannot be made while it waits to ask for a worker again leaves nothing, that wait included") {
  const int descriptors = support::open_descriptors();
  const auto body = []() -> rm::task<> {
    CHECK_THROWS_WITH_AS(rm::process_pool(rm::pool_options().workers(2).buffer_capacity(0)),
                         doctest::Contains("memory"), std::system_error);
    co_await rm::sleep_for(50ms);  // it would have asked after 10 ms
  };
  rm::run_on(std::make_unique<poor_kernel>(rm::make_real_kernel(rm::ring_options())), body());
  CHECK(support::open_descriptors() == descriptors);
}

}  // namespace of_start
