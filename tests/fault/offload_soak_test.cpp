// Workers, and now and then the zygote, killed every few milliseconds under load. Long with RINGMILL_LONG=1: half an
// hour.
#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "../offload/pool_support.hpp"
#include "fault.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace of_soak {

std::uint64_t churn(std::uint64_t seed, std::uint64_t rounds) {
  for (std::uint64_t i = 0; i < rounds; ++i) seed = (seed ^ i) * 0x9e3779b97f4a7c15U;
  return seed;
}
std::size_t count_marks(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), 'm'));
}

}  // namespace of_soak

using namespace of_soak;

namespace {

class soak {
 public:
  explicit soak(rm::duration length) : end_(std::chrono::steady_clock::now() + length) {}

  rm::task<> run() {
    constexpr std::size_t all_buffers = std::size_t{1} << 20;  // so few that they are waited for
    rm::process_pool pool(rm::pool_options().workers(2).warm_spares(1).name("soak").buffer_capacity(all_buffers));
    co_await pool.run<&churn>(1U, 1U);
    rm::nursery tasks;
    co_await tasks.run([&]() -> rm::task<> {
      for (unsigned i = 0; i < 32; ++i) tasks.start(&soak::work, this, std::ref(pool), i);
      tasks.start(&soak::kill_workers, this, std::ref(pool));
      co_return;
    });
    const rm::pool_statistics stats = pool.stats();
    const rm::pool_buffer whole = co_await pool.buffer(all_buffers);  // none is lost
    CHECK(whole.capacity() == all_buffers);
    CHECK(support::adds_up(stats));
    CHECK(stats.queued + stats.running == 0);
    CHECK(wrong == 0);
    CHECK(unexpected == 0);
    CHECK(crashed == stats[rm::task_outcome::worker_crashed]);
    // Each kill costs one task at most; a zygote takes both workers, and nobody is blamed.
    CHECK(crashed <= kills);
    CHECK(kills > 20);
    fault::figure("offload soak: %llu tasks, %llu kills, %llu crashed, %llu run again, %llu late, p99 of a run %.0f us",
                  static_cast<unsigned long long>(stats.submitted), static_cast<unsigned long long>(kills),
                  static_cast<unsigned long long>(crashed), static_cast<unsigned long long>(stats.run_again),
                  static_cast<unsigned long long>(late),
                  static_cast<double>(stats.run_time.quantile(0.99).count()) / 1e3);
  }

 private:
  bool is_over() const { return std::chrono::steady_clock::now() > end_; }

  static rm::task<> work(soak* self, rm::process_pool& pool, unsigned number) { return self->do_work(pool, number); }
  rm::task<> do_work(rm::process_pool& pool, unsigned number) {
    std::mt19937_64 random(number);
    while (!is_over()) {
      rm::call_options how;
      how.run_timeout(5s);
      if (random() % 16 == 0) how.at_most_once();
      const std::uint64_t seed = random();
      try {
        bool right = false;
        if (random() % 8 == 0) {
          std::string text(random() % 300'000, 'm');
          const std::size_t marks = co_await pool.run<&count_marks>(how, text);
          right = marks == text.size();
        } else if (random() % 8 == 0) {
          rm::pool_buffer buffer = co_await pool.buffer(1 + random() % 300'000);
          const std::span<std::byte> bytes = buffer.bytes();
          const std::size_t wanted = random() % bytes.size();
          std::fill(bytes.begin(), bytes.end(), std::byte{'.'});
          std::fill_n(bytes.begin(), wanted, std::byte{'m'});
          const std::size_t marks = co_await pool.run<&count_marks>(how, buffer);
          right = marks == wanted;
        } else {
          const std::uint64_t rounds = random() % 20 == 0 ? 300'000 : random() % 3000;
          const std::uint64_t got = co_await pool.run<&churn>(how, seed, rounds);
          right = got == churn(seed, rounds);
        }
        if (!right) ++wrong;
      } catch (const rm::worker_crashed& error) {
        ++crashed;
        if (error.signal() != SIGKILL) ++unexpected;
      } catch (const rm::deadline_exceeded&) {
        ++late;  // a machine that stood still; not a stall, for the task has ended
      } catch (const std::exception& error) {
        MESSAGE(std::string(error.what()));
        ++unexpected;
        end_ = rm::time_point::min();
      }
    }
  }

  static rm::task<> kill_workers(soak* self, rm::process_pool& pool) { return self->do_kill(pool); }
  rm::task<> do_kill(rm::process_pool& pool) {
    std::mt19937 random(7);
    rm::time_point last_zygote = std::chrono::steady_clock::now();
    while (!is_over()) {
      co_await rm::sleep_for(std::chrono::microseconds(1000 + random() % 8000));
      // Not those that start: ten such deaths in ten seconds would be the end of the pool, and ten zygotes as well.
      std::vector<int> pids;
      for (const rm::worker_status& one : pool.stats().workers) {
        if (one.state == "idle" || one.state == "running") pids.push_back(one.pid);
      }
      if (pids.empty()) continue;
      const int victim = pids[random() % pids.size()];
      if (std::chrono::steady_clock::now() - last_zygote > 1500ms) {
        last_zygote = std::chrono::steady_clock::now();
        const int zygote = support::parent_of(victim);
        if (zygote > 1 && zygote != getpid()) ::kill(zygote, SIGKILL);
      } else {
        ::kill(victim, SIGKILL);
        ++kills;
      }
    }
  }

  rm::time_point end_;
  std::uint64_t wrong = 0;
  std::uint64_t crashed = 0;
  std::uint64_t late = 0;
  std::uint64_t unexpected = 0;
  std::uint64_t kills = 0;
};

}  // namespace

TEST_CASE("kill -9 every few milliseconds: values are right, outcomes add up, a kill costs one task at most") {
  const int before = support::open_descriptors();
  soak all(fault::is_long() ? rm::duration(30min) : rm::duration(3s));
  rm::run(all.run());
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("a host that is killed under load leaves nobody") {
  const int rounds = fault::is_long() ? 200 : 10;
  for (int round = 0; round < rounds; ++round) {
    int report[2];
    REQUIRE(pipe(report) == 0);
    const pid_t host = fork();
    if (host == 0) {
      const auto body = [&]() -> rm::task<> {
        rm::process_pool pool(rm::pool_options().workers(2));
        co_await pool.run<&churn>(1U, 1U);
        const std::vector<int> pids = co_await support::all_workers(pool, 2);
        [[maybe_unused]] const auto n = write(report[1], pids.data(), pids.size() * sizeof(int));
        for (std::uint64_t i = 0;; ++i) co_await pool.run<&churn>(i, 1000U);
      };
      rm::run(body());
      _exit(0);
    }
    std::vector<int> pids(2);
    REQUIRE(read(report[0], pids.data(), pids.size() * sizeof(int)) == 2 * sizeof(int));
    std::this_thread::sleep_for(std::chrono::microseconds(500 * (round % 7)));
    kill(host, SIGKILL);
    waitpid(host, nullptr, 0);
    CHECK(support::gone_within(fault::is_long() ? 100ms : 5000ms, pids));  // a busy machine may be late
    close(report[0]);
    close(report[1]);
  }
}
