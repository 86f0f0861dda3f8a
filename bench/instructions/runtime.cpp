// What tasks do with each other and with time.
#include <chrono>
#include <optional>
#include <utility>

#include <ringmill/ringmill.hpp>

#include "../support/measure.hpp"
#include "scenario.hpp"
#include "still_clock.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace bench {
namespace {

[[gnu::noinline]] rm::task<std::size_t> child(std::size_t value) { co_return value + 1; }

rm::task<> await_children(std::size_t count) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await child(i);
  keep(sum);
}

[[gnu::noinline]] rm::task<std::size_t> suspending_child(std::size_t value) {
  co_await rm::yield();
  co_return value + 1;
}

rm::task<> await_suspending_children(std::size_t count) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await suspending_child(i);
  keep(sum);
}

[[gnu::noinline]] rm::task<> member(std::size_t* runs) {
  ++*runs;
  co_return;
}

rm::task<> spawn_and_join(std::size_t count) {
  constexpr std::size_t at_once = 100;
  std::size_t runs = 0;
  for (std::size_t i = 0; i < count; i += at_once) {
    rm::nursery members;
    co_await members.run([&]() -> rm::task<> {
      for (std::size_t j = 0; j < at_once; ++j) members.start(member, &runs);
      co_return;
    });
  }
  keep(runs);
}

rm::task<> yield_alone(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await rm::yield();
}

rm::task<> yield_in_turn(std::size_t count) {
  constexpr std::size_t at_once = 100;
  rm::nursery all;
  co_await all.run([&]() -> rm::task<> {
    for (std::size_t i = 0; i < at_once; ++i) all.start(yield_alone, count / at_once);
    co_return;
  });
}

rm::task<> sleep_within_a_limit(std::size_t count) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    rm::task<std::size_t> inner = suspending_child(i);
    sum += co_await rm::with_timeout(1s, std::move(inner));
  }
  keep(sum);
}

class silent_timer : public rm::timer {
 public:
  silent_timer() noexcept : timer([](rm::timer&) noexcept {}) {}
};

void arm_and_disarm(std::size_t count) {
  still_clock clock;
  rm::loop here(clock);
  const rm::time_point now = here.now();
  silent_timer other, item;
  here.arm(other, now + 1s);
  for (std::size_t i = 0; i < count; ++i) {
    here.arm(item, now + (i % 1000) * 1ms);
    here.disarm(item);
  }
  here.disarm(other);
}

rm::task<> send_all(rm::channel<std::size_t>::sender out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t value = i;
    co_await out.send(std::move(value));
  }
}

rm::task<> receive_all(rm::channel<std::size_t>* in) {
  std::size_t sum = 0;
  while (const std::optional<std::size_t> value = co_await in->receive()) sum += *value;
  keep(sum);
}

rm::task<> hand_over(std::size_t count) {
  rm::channel<std::size_t> values(16);
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start(send_all, values.make_sender(), count);
    both.start(receive_all, &values);
    co_return;
  });
}

#if RINGMILL_HAS_FIBERS
rm::task<> fiber_round_trips(std::size_t count) {
  co_await rm::fiber([count] {
    for (std::size_t i = 0; i < count; ++i) rm::fiber_await(rm::yield());
  });
}
#endif

template <auto Task>
void on_a_loop(std::size_t count) {
  run_still(Task(count));
}

}  // namespace

std::vector<scenario> runtime_scenarios() {
  std::vector<scenario> all = {
      {"await_child", on_a_loop<await_children>}, {"await_child_suspending", on_a_loop<await_suspending_children>},
      {"spawn_join", on_a_loop<spawn_and_join>},  {"yield", on_a_loop<yield_in_turn>},
      {"yield_alone", on_a_loop<yield_alone>},    {"with_timeout", on_a_loop<sleep_within_a_limit>},
      {"timer_arm_cancel", arm_and_disarm},       {"channel_handover", on_a_loop<hand_over>}};
#if RINGMILL_HAS_FIBERS
  all.push_back({"fiber_round_trip", on_a_loop<fiber_round_trips>});
#endif
  return all;
}

}  // namespace bench
