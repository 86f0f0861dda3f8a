// Sums i*i on all cores while the loop keeps ticking; prints the speed-up and how late the loop ever was.
//   offload_sum [MILLIONS]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;
using namespace std::chrono_literals;

std::uint64_t sum_of_squares(std::uint64_t from, std::uint64_t to) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = from; i < to; ++i) {
    sum += i * i;
    asm volatile("" : "+r"(sum));  // or the compiler finds the formula
  }
  return sum;
}

double milliseconds(rm::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

rm::task<> tick(rm::duration& worst_lag) {
  for (;;) {
    const rm::time_point before = rm::loop::current().now();
    co_await rm::sleep_for(1ms);
    worst_lag = std::max<rm::duration>(worst_lag, rm::loop::current().now() - before - 1ms);
  }
}

rm::task<std::uint64_t> sum_in_workers(rm::process_pool& pool, std::uint64_t count, std::uint64_t parts) {
  std::vector<rm::detail::pool_call<&sum_of_squares>> calls;
  for (std::uint64_t i = 0; i < parts; ++i) {
    calls.push_back(pool.run<&sum_of_squares>(count * i / parts, count * (i + 1) / parts));
  }
  const std::vector<std::uint64_t> sums = co_await rm::when_all(std::move(calls));
  std::uint64_t total = 0;
  for (const std::uint64_t sum : sums) total += sum;
  co_return total;
}

rm::task<int> compare(std::uint64_t count) {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  rm::process_pool pool(rm::pool_options().workers(cores).niceness(0));
  co_await pool.run<&sum_of_squares>(0U, 1U);  // the workers are up

  rm::loop& loop = rm::loop::current();
  rm::time_point start = loop.now();
  const std::uint64_t expected = sum_of_squares(0, count);
  const rm::duration alone = loop.now() - start;

  rm::duration worst_lag{};
  std::uint64_t total = 0;
  rm::nursery side;
  start = loop.now();
  co_await side.run([&]() -> rm::task<> {
    side.start(tick, std::ref(worst_lag));
    total = co_await sum_in_workers(pool, count, cores * 4);
    side.cancel();
  });
  const rm::duration together = loop.now() - start;
  std::printf("%llu squares: %.0f ms on the loop, which stands still; %.0f ms in %zu workers: %.2f times as fast\n",
              static_cast<unsigned long long>(count), milliseconds(alone), milliseconds(together), cores,
              milliseconds(alone) / milliseconds(together));
  std::printf("worst lag of the loop meanwhile: %.2f ms\n", milliseconds(worst_lag));
  co_return total == expected ? 0 : 1;
}

int main(int argc, char** argv) {
  rm::process_init(argc, argv);
  const int millions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 400;
  return rm::run_main(compare(static_cast<std::uint64_t>(millions) * 1'000'000));
}
