// Timers that are armed and then not needed, as nearly all time limits are.
#include <chrono>
#include <deque>
#include <random>
#include <vector>

#include <ringmill/runtime/task.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../limits/coroutines.hpp"
#include "../limits/timer_wheel.hpp"
#include "../support/skipping_clock.hpp"
#include "measures.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace bench {
namespace {

// Arm and cancel, while others are armed: deadlines are anywhere in the next minute.

constexpr std::size_t arms = 1'000'000;
constexpr std::size_t live_timers = 100'000;
constexpr std::size_t different_lengths = 4096;

std::vector<rm::duration> lengths_within_a_minute(std::size_t count) {
  std::mt19937_64 random(1);  // the same in each run
  std::uniform_int_distribution<std::int64_t> nanoseconds(1, std::chrono::nanoseconds(1min).count());
  std::vector<rm::duration> lengths;
  for (std::size_t i = 0; i < count; ++i) lengths.emplace_back(nanoseconds(random));
  return lengths;
}

class silent_timer : public rm::timer {
 public:
  silent_timer() noexcept : timer([](rm::timer&) noexcept {}) {}
};

/// `reads_clock`: each deadline is measured from now, as that of a sleep or a time limit is.
subject timer_arm_cancel(bool reads_clock) {
  return [reads_clock](const effort& how) {
    const std::size_t count = how.operations(arms);
    const std::vector<rm::duration> lengths = lengths_within_a_minute(different_lengths);
    skipping_clock clock;
    rm::loop here(clock);
    const rm::time_point start = here.now();
    std::deque<silent_timer> live;
    for (const rm::duration length : lengths_within_a_minute(how.operations(live_timers))) {
      here.arm(live.emplace_back(), start + length);
    }
    silent_timer item;
    const double each = nanoseconds_each(count, [&] {
      for (std::size_t i = 0; i < count; ++i) {
        here.arm(item, (reads_clock ? here.now() : start) + lengths[i % different_lengths]);
        here.disarm(item);
      }
    });
    for (silent_timer& one : live) here.disarm(one);
    return each;
  };
}

std::uint64_t nanoseconds_of(rm::time_point when) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(when.time_since_epoch()).count());
}

subject timer_arm_cancel_limit(bool reads_clock) {
  return [reads_clock](const effort& how) {
    const std::size_t count = how.operations(arms);
    const std::vector<rm::duration> lengths = lengths_within_a_minute(different_lengths);
    const rm::time_point start = std::chrono::steady_clock::now();
    limits::timer_wheel wheel;
    std::deque<limits::timer_wheel::node> live;
    for (const rm::duration length : lengths_within_a_minute(how.operations(live_timers))) {
      wheel.arm(live.emplace_back(), nanoseconds_of(start + length));
    }
    limits::timer_wheel::node item;
    return nanoseconds_each(count, [&] {
      for (std::size_t i = 0; i < count; ++i) {
        const rm::time_point now = reads_clock ? std::chrono::steady_clock::now() : start;
        wheel.arm(item, nanoseconds_of(now + lengths[i % different_lengths]));
        keep(item);
        wheel.disarm(item);
      }
    });
  };
}

// A child that ends at once, under a time limit.

[[gnu::noinline]] rm::task<std::uint64_t> child(std::uint64_t value) { co_return value + 1; }

double with_timeout(const effort& how) {
  const std::size_t count = how.operations(arms);
  auto parent = [&]() -> rm::task<> {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += co_await rm::with_timeout(1min, child(i));
    keep(sum);
  };
  return nanoseconds_each(count, [&] { run_task(parent()); });
}

[[gnu::noinline]] limits::number bare_child(std::uint64_t value) { co_return value + 1; }

[[gnu::noinline]] limits::routine bare_parent(limits::timer_wheel& wheel, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    limits::timer_wheel::node limit;
    wheel.arm(limit, nanoseconds_of(std::chrono::steady_clock::now() + 1min));
    sum += co_await bare_child(i);
    wheel.disarm(limit);
  }
  keep(sum);
}

double with_timeout_limit(const effort& how) {
  const std::size_t count = how.operations(arms);
  limits::timer_wheel wheel;
  const auto parent = bare_parent(wheel, count).handle();
  const double each = nanoseconds_each(count, [&] { parent.resume(); });
  parent.destroy();
  return each;
}

}  // namespace

std::vector<measure> timer_measures() {
  return {
      {"timer_arm_cancel", "ns", timer_arm_cancel(false), timer_arm_cancel_limit(false), 30},
      {"timer_arm_cancel_clock", "ns", timer_arm_cancel(true), timer_arm_cancel_limit(true), 55},
      {"with_timeout", "ns", with_timeout, with_timeout_limit, 45},
  };
}

}  // namespace bench
