// A fault at every step of the pool's protocol, on both sides. After each one: the outcomes add up, nobody innocent is
// blamed, no value is wrong, and nothing is left.
#include <doctest/doctest.h>

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "../offload/pool_support.hpp"
#include "fault.hpp"
#include "offload_points.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace of_faults {

std::uint64_t mix_view(std::uint64_t seed, std::string_view text) {
  for (const char character : text) seed = (seed ^ static_cast<unsigned char>(character)) * 0x100000001b3U;
  return seed;
}
std::uint64_t mix(std::uint64_t seed, const std::string& text) { return mix_view(seed, text); }
std::string repeated(int times) { return std::string(static_cast<std::size_t>(times) * 100, 'r'); }

}  // namespace of_faults

using namespace of_faults;

namespace {

class tally {
 public:
  int right = 0;
  int wrong = 0;
  int crashed = 0;
  int late = 0;
  int thrown = 0;  ///< what a fault point throws
  int other = 0;
};

/// How long a task may run and a worker may take to start. What dies is noticed at once, so the machine may be as slow
/// as it likes; what is stopped is noticed only by this time.
constexpr rm::duration patient = 60s;
constexpr rm::duration impatient = fault::is_sanitized ? 3s : 1s;

rm::task<> one_task(rm::process_pool& pool, int number, rm::duration patience, tally& to) {
  try {
    bool right = false;
    if (number % 4 == 3) {
      const std::string text = co_await pool.run<&repeated>(rm::call_options().run_timeout(patience), number);
      right = text == repeated(number);
    } else if (number % 4 == 1) {
      rm::pool_buffer buffer = co_await pool.buffer(20'000);
      std::fill(buffer.bytes().begin(), buffer.bytes().end(), static_cast<std::byte>(number));
      const std::uint64_t got = co_await pool.run<&mix_view>(rm::call_options().run_timeout(patience),
                                                             static_cast<std::uint64_t>(number), buffer);
      right = got == mix_view(static_cast<std::uint64_t>(number), buffer.text());
    } else {
      const std::string text(static_cast<std::size_t>(number) * 7, 't');
      rm::call_options how;
      how.run_timeout(patience);
      if (number % 8 == 0) how.at_most_once();
      const std::uint64_t got = co_await pool.run<&mix>(how, static_cast<std::uint64_t>(number), text);
      right = got == mix(static_cast<std::uint64_t>(number), text);
    }
    right ? ++to.right : ++to.wrong;
  } catch (const rm::worker_crashed&) {
    ++to.crashed;
  } catch (const rm::deadline_exceeded&) {
    ++to.late;
  } catch (const std::runtime_error& error) {
    ++(std::string(error.what()) == "thrown by a fault point" ? to.thrown : to.other);
  } catch (const std::exception& error) {
    MESSAGE(std::string(error.what()));
    ++to.other;
  }
}

constexpr int tasks_of_a_load = 64;

/// A pool, many tasks at once, workers that are replaced meanwhile, and the end of the pool: not before `point` was
/// hit, since a zygote that gets no processor reaps the replaced ones later.
rm::task<> load(tally& to, rm::duration patience, const fault::armed_point& point) {
  constexpr std::size_t all_buffers = 128 * 1024;  // four at a time: the others wait for one
  rm::process_pool pool(
      rm::pool_options().workers(2).start_timeout(patience).quarantine(0ms).recycle_after_tasks(20).buffer_capacity(
          all_buffers));
  rm::nursery tasks;
  co_await tasks.run([&]() -> rm::task<> {
    for (int i = 0; i < tasks_of_a_load; ++i) {
      tasks.start(one_task, std::ref(pool), i, patience, std::ref(to));
      if (i % 16 == 15) co_await rm::sleep_for(1ms);
    }
  });
  for (int waited = 0; !point.was_hit() && waited < 5000; ++waited) co_await rm::sleep_for(1ms);
  CHECK(support::adds_up(pool.stats()));
  CHECK(pool.stats().queued + pool.stats().running == 0);
  const rm::pool_buffer whole = co_await pool.buffer(all_buffers);  // none is lost
  CHECK(whole.capacity() == all_buffers);
}

std::vector<int> children() {
  std::vector<int> all;
  DIR* processes = opendir("/proc");
  REQUIRE(processes != nullptr);
  while (const dirent* entry = readdir(processes)) {
    const int pid = std::atoi(entry->d_name);
    if (pid > 0 && support::parent_of(pid) == getpid()) all.push_back(pid);
  }
  closedir(processes);
  return all;
}

struct place {
  const char* where;
  int victims;  ///< most tasks that it may cost
};

// A worker that dies between two tasks, or before it begins one, costs nothing; else the one that it has. A zygote
// costs those that may not run twice, which are begun: one in each worker.
constexpr place places[] = {
    {"worker_begun", 0},   {"worker_mapped", 0},    {"worker_initialized", 0}, {"worker_ready", 0},
    {"call_taken", 0},     {"call_begun", 1},       {"call_done", 1},          {"answer_made", 1},
    {"answer_written", 1}, {"answer_published", 1}, {"call_answered", 1},      {"zygote_begun", 2},
    {"zygote_greeted", 2}, {"zygote_asked", 2},     {"zygote_forked", 2},      {"zygote_spawned", 2},
    {"zygote_reaped", 2},  {"zygote_reported", 2},
};

void check_load_with(const std::string& where, const std::string& how, int victims) {
  CAPTURE(where);
  CAPTURE(how);
  const int before = support::open_descriptors();
  tally all;
  {
    const fault::armed_point point(where, how);
    rm::run(load(all, how == "stop" ? impatient : patient, point));
    CHECK(point.was_hit());
  }
  CHECK(all.wrong == 0);
  CHECK(all.other == 0);
  CHECK(all.right + all.crashed + all.late + all.thrown == tasks_of_a_load);
  CHECK(all.crashed + all.late + all.thrown <= victims);
  if (how != "throw") CHECK(all.thrown == 0);
  CHECK(support::open_descriptors() == before);
  CHECK(children().empty());
}

}  // namespace

TEST_CASE("a worker or zygote that is killed, exits or aborts at any step costs at most the task that was begun") {
  for (const place& one : places) {
    for (const char* how : {"kill", "exit", "abort"}) check_load_with(one.where, how, one.victims);
  }
}

TEST_CASE(
    "an exception at any step is an error of the task, or the end of the process: it costs no more than a crash") {
  for (const place& one : places) check_load_with(one.where, "throw", one.victims);
}

TEST_CASE("one that stops at any step is found by time, and costs at most the task that it has") {
  for (const place& one : places) {
    // Stopped before it begins, a task that was given to it has started by the host's clock.
    check_load_with(one.where, "stop", std::max(one.victims, 1));
  }
}

TEST_CASE("a shortage of memory while a worker is replaced delays tasks, and costs none") {
  for (const std::string where : {"memfd", "mmap", "pipe", "fork", "pidfd"}) {
    CAPTURE(where);
    tally all;
    fault::armed_point point(where, "fail", true);
    const auto body = [&]() -> rm::task<> {
      rm::process_pool pool(rm::pool_options().workers(1));
      co_await pool.run<&repeated>(1);
      point.release();
      kill(pool.worker_pids().at(0), SIGKILL);
      co_await rm::sleep_for(5ms);
      for (int i = 0; i < 8; ++i) co_await one_task(pool, i, patient, all);
      CHECK(support::adds_up(pool.stats()));
    };
    rm::run(body());
    CHECK(point.was_hit());
    CHECK(all.right == 8);
  }
}

TEST_CASE("a shortage of memory when the pool is made is its maker's error, and leaves nothing") {
  const int before = support::open_descriptors();
  for (const std::string where : {"buffers_memfd", "memfd", "mmap", "pipe", "socketpair"}) {
    CAPTURE(where);
    const fault::armed_point point(where, "fail");
    const auto body = []() -> rm::task<> {
      rm::process_pool pool(rm::pool_options().workers(2));
      co_await pool.run<&repeated>(1);
    };
    CHECK_THROWS_AS(rm::run(body()), std::system_error);
    CHECK(point.was_hit());
  }
  CHECK(support::open_descriptors() == before);
  CHECK(children().empty());
}

TEST_CASE("a zygote of another version of the program is not used: every task says version_mismatch") {
  const fault::armed_point point("fingerprint", "fail");
  const auto body = []() -> rm::task<> {
    rm::process_pool pool(rm::pool_options().workers(1));
    CHECK_THROWS_AS(co_await pool.run<&repeated>(1), rm::version_mismatch);
    CHECK_THROWS_AS(co_await pool.run<&repeated>(1), rm::version_mismatch);
    CHECK(pool.stats()[rm::task_outcome::version_mismatch] == 2);
  };
  rm::run(body());
}

TEST_CASE("a host that dies at any step leaves no process for longer than 100 ms") {
  for (const std::string where : {"host_zygote_started", "host_worker_asked", "host_request_written",
                                  "host_request_published", "host_answer_taken"}) {
    CAPTURE(where);
    const fault::armed_point point(where, "kill");
    const pid_t host = fork();
    if (host == 0) {
      setpgid(0, 0);
      tally ignored;
      rm::run(load(ignored, patient, point));
      _exit(0);
    }
    REQUIRE(host > 0);
    int status = 0;
    waitpid(host, &status, 0);
    CHECK(WIFSIGNALED(status));
    CHECK(point.was_hit());
    // Whoever is left has the program's own file: this test's, and is not its child.
    const auto left = [] {
      std::vector<int> all;
      DIR* processes = opendir("/proc");
      while (const dirent* entry = readdir(processes)) {
        const int pid = std::atoi(entry->d_name);
        if (pid <= 0 || !support::is_alive(pid)) continue;
        const std::string command = support::contents_of("/proc/" + std::to_string(pid) + "/environ");
        if (command.find("RINGMILL_FAULT_WHERE=") != std::string::npos && pid != getpid()) all.push_back(pid);
      }
      closedir(processes);
      return all;
    };
    // A zygote that has only begun to start looks for its host when it has: with a sanitizer that takes longer.
    CHECK(support::gone_within(fault::is_sanitized ? 2000ms : 100ms, left()));
  }
}
