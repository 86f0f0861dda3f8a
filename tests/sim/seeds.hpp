// Programs over seeds: what has to pass with all of them, and what has to be found by one of them.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include <ringmill/io/sim/search.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/runtime/detail/sanitizers.hpp>

namespace sim_tests {

namespace rm = ringmill;
namespace sim = ringmill::sim;

using program = std::function<void(sim::world&)>;

/// A sanitizer makes each run ten times slower, and is there to look at what a few do to memory.
#if defined(RINGMILL_ASAN)
constexpr std::uint64_t fewer = 10;
#else
constexpr std::uint64_t fewer = 1;
#endif

/// Faults stop after a while; then everything has to come to its end.
inline sim::options liveness(std::uint64_t seed) {
  return sim::options::swarm(seed).faults_until(std::chrono::seconds(20)).time_limit(std::chrono::minutes(30));
}
/// They never stop; what is checked has to hold all the same.
inline sim::options safety(std::uint64_t seed) { return sim::options::swarm(seed); }
/// There are none: what is shown is how long things take, in virtual time.
inline sim::options no_faults(std::uint64_t) { return sim::options(); }

/// In a simulated program, whose error is the run's; a CHECK would be counted for each seed.
inline void demand(bool is_so, const char* otherwise) {
  if (!is_so) throw std::logic_error(otherwise);
}

/// RINGMILL_SIM_SEEDS says how many instead of `count`. Prints how fast that was.
inline void check_seeds(const char* name, std::uint64_t count, sim::options (*how)(std::uint64_t),
                        const program& run_it) {
  const auto start = std::chrono::steady_clock::now();
  const sim::sweep_report found = sim::sweep(1, count / fewer, how, run_it);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  INFO(found.text);
  CHECK(found.has_passed());
  const double events = static_cast<double>(found.events);
  std::printf("%-32s %8llu seeds %12.0f events %10.0f events a second %8.2f s, hash %016llx\n", name,
              static_cast<unsigned long long>(found.runs), events, events / took.count(), took.count(),
              static_cast<unsigned long long>(found.hash));
}

/// For programs that do not expect to lose their connections.
inline sim::options usual(std::uint64_t seed) {
  return sim::options::swarm(seed)
      .faults_until(std::chrono::seconds(20))
      .time_limit(std::chrono::minutes(10))
      .fault(sim::fault::reset, 0)
      .fault(sim::fault::early_end, 0)
      .fault(sim::fault::no_descriptor, 0);
}

/// `make(true)` has a bug that one of a hundred seeds has to find; `make(false)` has not, and passes them all.
inline void check_found(program (*make)(bool), sim::options (*how)(std::uint64_t) = usual) {
  const sim::sweep_report right = sim::sweep(1, 100 / fewer, how, make(false));
  INFO(right.text);
  CHECK(right.has_passed());
  std::optional<std::uint64_t> found;
  std::string text;
  for (std::uint64_t seed = 1; seed <= 100 && !found; ++seed) {
    try {
      sim::run(seed, how(seed), make(true));
    } catch (const sim::failure& failed) {
      found = seed;
      text = std::string(failed.what()).substr(0, 100);
    }
  }
  CHECK(found);
  if (found) MESSAGE("found by seed " << *found << ": " << text.substr(0, text.find('\n')));
}

}  // namespace sim_tests
