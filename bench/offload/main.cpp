// bench/offload: what a call into a worker process costs, beside shared memory and futexes by hand.
#include <sched.h>
#include <signal.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <span>
#include <vector>

#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "../limits/worker_channel.hpp"
#include "measures.hpp"
#include "sockets.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
using words = std::array<std::uint64_t, 8>;

words sum(const words& in) {
  words out = in;
  for (const std::uint64_t word : in) out[7] += word;
  return out;
}
void pin(int processor) { processor < 0 ? limits::unpin() : limits::pin_to(processor); }
std::uint64_t first_and_last(std::span<const std::uint64_t> data) { return data.front() + data.back(); }
const std::vector<std::uint64_t>& table() {
  static const std::vector<std::uint64_t> all(mebibyte / 8, 7);
  return all;
}
void crash() { raise(SIGKILL); }

rm::pool_options workers(std::size_t count) {
  return rm::pool_options().workers(count).niceness(0).quarantine(rm::duration::zero());
}

/// Pins the host for as long as it lives.
class pinned {
 public:
  explicit pinned(int processor) { limits::pin_to(processor); }
  ~pinned() { limits::unpin(); }
};

double round_trip(std::size_t count, int host, int worker, rm::duration spin) {
  const pinned here(host);
  double cost = 0;
  const auto body = [&]() -> rm::task<> {
    rm::process_pool pool(workers(1).spin(spin));
    co_await pool.run<&pin>(worker);
    words data{};
    for (int warm = 0; warm < 100; ++warm) data = co_await pool.run<&sum>(data);
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < count; ++i) data = co_await pool.run<&sum>(data);
    cost = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  };
  rm::run(body());
  return cost / static_cast<double>(count);
}

double raw_round_trip(std::size_t count, int host, int worker) {
  const pinned here(host);
  limits::worker_channel channel(limits::worker_channel::make_doorbell(), worker);
  limits::message data{};
  for (int warm = 0; warm < 100; ++warm) data = channel.round_trip(data);
  return bench::nanoseconds_each(count,
                                 [&] {
                                   for (std::size_t i = 0; i < count; ++i) data = channel.round_trip(data);
                                 }) /
         1000;
}

rm::task<> caller(rm::process_pool& pool, std::size_t& left) {
  words data{};
  while (left > 0) {
    --left;
    data = co_await pool.run<&sum>(data);
  }
}

double tasks_16x2(std::size_t count) {
  double cost = 0;
  const auto body = [&]() -> rm::task<> {
    rm::process_pool pool(workers(2));
    std::size_t left = count / 20 + 64;
    for (int round = 0; round < 2; ++round) {
      const auto start = std::chrono::steady_clock::now();
      rm::nursery callers;
      co_await callers.run([&]() -> rm::task<> {
        for (int i = 0; i < 16; ++i) callers.start(caller, std::ref(pool), std::ref(left));
        co_return;
      });
      cost = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
      left = round == 0 ? count : 0;
    }
  };
  rm::run(body());
  return cost / static_cast<double>(count);
}

double raw_tasks_16x2(std::size_t count) {
  limits::worker_channel::doorbell& bell = limits::worker_channel::make_doorbell();
  limits::worker_channel first(bell, -1);
  limits::worker_channel second(bell, -1);
  return bench::nanoseconds_each(count,
                                 [&] {
                                   std::size_t sent = 0;
                                   limits::message data{};
                                   const auto has_answer = [&] { return first.has_answer() || second.has_answer(); };
                                   for (std::size_t done = 0; done < count;) {
                                     bool moved = false;
                                     for (limits::worker_channel* one : {&first, &second}) {
                                       while (one->receive(data)) ++done, moved = true;
                                       const std::size_t before = sent;
                                       while (sent < count && one->in_flight() < 8) one->put(data), ++sent;
                                       if (sent != before) one->publish();
                                     }
                                     if (!moved) limits::worker_channel::sleep(bell, has_answer);
                                   }
                                 }) /
         1000;
}

double payload(std::size_t count) {
  double cost = 0;
  const auto body = [&]() -> rm::task<> {
    rm::process_pool pool(workers(1));
    const std::vector<std::uint64_t> data(mebibyte / 8, 7);
    co_await pool.run<&first_and_last>(data);
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < count; ++i) co_await pool.run<&first_and_last>(data);
    cost = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  };
  rm::run(body());
  return cost / static_cast<double>(count);
}

/// A round trip, and a memcpy of 1 MiB by whoever writes it: the host before it calls, or the worker before it answers.
double raw_payload(std::size_t count, limits::payload_writer writer) {
  limits::worker_channel channel(limits::worker_channel::make_doorbell(), -1, mebibyte, writer);
  const std::vector<std::uint64_t> data(mebibyte / 8, 7);
  limits::message small{};
  const auto once = [&] {
    if (writer == limits::payload_writer::host) std::memcpy(channel.payload(), data.data(), mebibyte);
    small = channel.round_trip(small);
    small.words[0] =
        static_cast<std::uint64_t>(channel.payload()[0]) + static_cast<std::uint64_t>(channel.payload()[mebibyte - 1]);
  };
  once();
  return bench::nanoseconds_each(count,
                                 [&] {
                                   for (std::size_t i = 0; i < count; ++i) once();
                                 }) /
         1000;
}
double raw_argument(std::size_t count) { return raw_payload(count, limits::payload_writer::host); }
double raw_result(std::size_t count) { return raw_payload(count, limits::payload_writer::worker); }

/// The other way: the result is copied out, or looked at where it lies.
double result(std::size_t count, bool in_place) {
  double cost = 0;
  const auto body = [&]() -> rm::task<> {
    rm::process_pool pool(workers(1));
    co_await pool.run<&table>();
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < count; ++i) {
      if (in_place) {
        co_await pool.run<&table>().read_in_place(&first_and_last);
      } else {
        co_await pool.run<&table>();
      }
    }
    cost = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  };
  rm::run(body());
  return cost / static_cast<double>(count);
}

double crash_to_ready(std::size_t count) {
  double cost = 0;
  const auto body = [&]() -> rm::task<> {
    rm::process_pool pool(workers(1));
    words data{};
    data = co_await pool.run<&sum>(data);
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < count; ++i) {
      try {
        co_await pool.run<&crash>();
      } catch (const rm::worker_crashed&) {
      }
      data = co_await pool.run<&sum>(data);
    }
    cost = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  };
  rm::run(body());
  return cost / static_cast<double>(count);
}

double raw_crash_to_ready(std::size_t count) {
  limits::worker_channel::doorbell& bell = limits::worker_channel::make_doorbell();
  limits::message data{};
  return bench::nanoseconds_each(count,
                                 [&] {
                                   for (std::size_t i = 0; i < count; ++i) {
                                     limits::worker_channel channel(
                                         bell, -1);  // forked, and killed and waited for at the end
                                     data = channel.round_trip(data);
                                   }
                                 }) /
         1000;
}

bench::measure compare(const char* name, double (*ours)(std::size_t), double (*limit)(std::size_t), std::size_t count) {
  bench::measure one;
  one.name = name;
  one.unit = "us";
  one.ours = [ours, count](const bench::effort& how) { return ours(how.operations(count)); };
  one.rounds = 7;
  one.limit = [limit, count](const bench::effort& how) { return limit(how.operations(count)); };
  return one;
}

}  // namespace

int main(int argc, char** argv) {
  rm::process_init(argc, argv);
  std::vector<bench::measure> all = {
      compare(
          "round_trip_same_core", [](std::size_t count) { return round_trip(count, 0, 0, 0us); },
          [](std::size_t count) { return raw_round_trip(count, 0, 0); }, 20'000),
      compare(
          "round_trip_across", [](std::size_t count) { return round_trip(count, 0, 1, 0us); },
          [](std::size_t count) { return raw_round_trip(count, 0, 1); }, 10'000),
      compare(
          "round_trip_across_spinning", [](std::size_t count) { return round_trip(count, 0, 1, 20us); },
          [](std::size_t count) { return raw_round_trip(count, 0, 1); }, 10'000),
      compare("tasks_16x2", &tasks_16x2, &raw_tasks_16x2, 400'000),
      compare("payload_1mib", &payload, &raw_argument, 2'000),
      compare("socket_to_worker_1mib", &bench::socket_to_worker, &bench::raw_socket_to_worker, 2'000),
      compare(
          "result_1mib", [](std::size_t count) { return result(count, false); }, &raw_result, 2'000),
      compare(
          "result_1mib_in_place", [](std::size_t count) { return result(count, true); }, &raw_result, 2'000),
      compare("crash_to_ready", &crash_to_ready, &raw_crash_to_ready, 200),
  };
  all[0].least_ratio = all[1].least_ratio = all[2].least_ratio = 1 / 1.3;
  all[3].target = 1;
  all[4].least_ratio = 1 / 1.2;
  all[5].least_ratio = 1 / 1.2;
  all[7].least_ratio = 1 / 1.2;
  all[8].target = 1000;
  all.push_back(bench::mixed_p99());
  return bench::run_program(argc, argv, all);
}
