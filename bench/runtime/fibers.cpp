// Synchronous code on a stack of its own that gives way and comes back.
#include <ringmill/runtime/fiber.hpp>

#include "../limits/bare_stack.hpp"
#include "../support/skipping_clock.hpp"
#include "measures.hpp"

namespace rm = ringmill;

namespace bench {
namespace {

constexpr std::size_t round_trips = 2'000'000;

double fiber_round_trip(const effort& how) {
  const std::size_t count = how.operations(round_trips);
  return nanoseconds_each(count, [&] {
    run_task(rm::fiber([count] {
      for (std::size_t i = 0; i < count; ++i) rm::fiber_await(rm::yield());
    }));
  });
}

double fiber_round_trip_limit(const effort& how) {
  const std::size_t count = how.operations(round_trips);
  limits::bare_stack stack;
  return nanoseconds_each(count, [&] {
    for (std::size_t i = 0; i < count; ++i) stack.resume();
  });
}

}  // namespace

std::vector<measure> fiber_measures() {
  return {{"fiber_round_trip", "ns", fiber_round_trip, fiber_round_trip_limit, 30}};
}

}  // namespace bench
