// A million tasks that sleep: what each one takes in memory, and how long it takes to start and to end them all. The
// clock skips the sleep itself. Each run has a process of its own, so that it gets its memory from the system.
#include <chrono>
#include <deque>

#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>

#include "../limits/coroutines.hpp"
#include "../limits/timer_wheel.hpp"
#include "../support/fresh_process.hpp"
#include "../support/skipping_clock.hpp"
#include "measures.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace bench {
namespace {

constexpr std::size_t sleepers = 1'000'000;
constexpr rm::duration longest_sleep = 10s;
#if defined(__clang__)
constexpr double target_bytes = 170;
#else
constexpr double target_bytes = 200;
#endif

struct crowd_figures {
  double bytes;    ///< each
  double seconds;  ///< for all
};

/// How the deadlines lie: all sleep for the same time, or until any time within a second.
enum class deadlines { one, spread };

rm::duration length_of_sleep(deadlines lie, std::size_t i) {
  // A fixed sequence without pattern: the golden ratio leaves no gaps and no order.
  constexpr std::uint64_t golden = 0x9E3779B97F4A7C15;
  if (lie == deadlines::one) return longest_sleep;
  return longest_sleep - rm::duration(i * golden % std::chrono::nanoseconds(1s).count());
}

/// To look at the memory of a crowd takes milliseconds, which are not the crowd's.
class memory_meter {
 public:
  void note_before() { before_ = measured(); }
  void note_after() { grown_ = measured() - before_; }
  double grown() const noexcept { return grown_; }
  double seconds_taken() const noexcept { return seconds_taken_; }

 private:
  double measured() {
    double bytes = 0;
    seconds_taken_ += nanoseconds_each(1, [&] { bytes = resident_bytes(); }) / 1e9;
    return bytes;
  }
  double before_ = 0;
  double grown_ = 0;
  double seconds_taken_ = 0;
};

/// Of `all(meter)`.
template <class Function>
crowd_figures figures_of(std::size_t count, Function&& all) {
  memory_meter meter;
  const double seconds = nanoseconds_each(1, [&] { all(meter); }) / 1e9;
  return {meter.grown() / static_cast<double>(count), seconds - meter.seconds_taken()};
}

rm::task<> sleeper(rm::duration length) { co_await rm::sleep_for(length); }

rm::task<> crowd(std::size_t count, deadlines lie, memory_meter& meter) {
  rm::nursery all;
  co_await all.run([&]() -> rm::task<> {
    meter.note_before();
    for (std::size_t i = 0; i < count; ++i) all.start(sleeper, length_of_sleep(lie, i));
    co_await rm::yield();  // now all of them sleep
    meter.note_after();
  });
}

crowd_figures measure_crowd(std::size_t count, deadlines lie) {
  return in_fresh_process(
      [&] { return figures_of(count, [&](memory_meter& meter) { run_task(crowd(count, lie, meter)); }); });
}

/// A timer in a wheel that knows whom to resume.
class bare_sleep : public limits::timer_wheel::node {
 public:
  bare_sleep(limits::timer_wheel& wheel, rm::duration length) noexcept : wheel_(wheel), length_(length) {}
  bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> who) noexcept {
    wheel_.arm(*this, now() + static_cast<std::uint64_t>(length_.count()));
    sleeper_ = who;  // in the place of the length
  }
  void await_resume() noexcept {}

  static std::uint64_t now() noexcept {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  std::coroutine_handle<> sleeper() const noexcept { return sleeper_; }

 private:
  limits::timer_wheel& wheel_;
  union {
    rm::duration length_;
    std::coroutine_handle<> sleeper_;
  };
};

[[gnu::noinline]] limits::routine bare_sleeper(limits::timer_wheel& wheel, rm::duration length) {
  co_await bare_sleep(wheel, length);
}

crowd_figures measure_bare_crowd(std::size_t count, deadlines lie) {
  return in_fresh_process([&] {
    limits::timer_wheel wheel;
    wheel.fire_until(bare_sleep::now(), [](auto&) {});
    return figures_of(count, [&](memory_meter& meter) {
      meter.note_before();
      for (std::size_t i = 0; i < count; ++i) bare_sleeper(wheel, length_of_sleep(lie, i)).handle().resume();
      meter.note_after();
      std::size_t left = count;
      for (std::uint64_t now = bare_sleep::now(); left > 0; now += 1'000'000) {
        wheel.fire_until(now, [&](limits::timer_wheel::node& due) {
          const auto sleeper = static_cast<bare_sleep&>(due).sleeper();
          sleeper.resume();
          sleeper.destroy();
          --left;
        });
      }
    });
  });
}

subject figure_of(crowd_figures (*measured)(std::size_t, deadlines), deadlines lie, double crowd_figures::*figure) {
  return [=](const effort& how) { return measured(how.operations(sleepers), lie).*figure; };
}

}  // namespace

std::vector<measure> sleeper_measures() {
  auto compared = [](deadlines lie, double crowd_figures::*figure) {
    return std::pair(figure_of(measure_crowd, lie, figure), figure_of(measure_bare_crowd, lie, figure));
  };
  const auto [bytes, least_bytes] = compared(deadlines::one, &crowd_figures::bytes);
  const auto [seconds, least_seconds] = compared(deadlines::one, &crowd_figures::seconds);
  const auto [spread, least_spread] = compared(deadlines::spread, &crowd_figures::seconds);
  return {
      {"sleepers_bytes", "bytes", bytes, least_bytes, target_bytes, 3},
      {"sleepers_seconds", "s", seconds, least_seconds, 0.2, 5},
      {"sleepers_spread_seconds", "s", spread, least_spread, 0.5, 5},
  };
}

}  // namespace bench
