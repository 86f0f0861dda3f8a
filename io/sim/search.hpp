// Looking for failures: many seeds of one program, and the smallest set of faults with which it still fails.
//
//   const rm::sim::sweep_report found = rm::sim::sweep(1, 2000, rm::sim::options::swarm, program);
//   CHECK_MESSAGE(found.has_passed(), found.text);
//
// RINGMILL_SIM_SEED=17 in the environment runs that seed alone, and prints its whole trace; RINGMILL_SIM_SEEDS=100000
// runs that many, and RINGMILL_SIM_SEEDS=501-1000 those.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ringmill/io/sim/options.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>

namespace ringmill::sim {

/// What a series of runs has found.
class sweep_report {
 public:
  std::uint64_t runs = 0;
  std::uint64_t events = 0;      ///< of all runs
  std::uint64_t operations = 0;  ///< entries submitted and completions
  duration length{};             ///< in virtual time, of all runs
  std::uint64_t hash = 0;        ///< of all runs: the same on every compiler and machine
  std::optional<std::uint64_t> failed_seed;
  std::string text;  ///< of the failure, and of the same one with as few faults as it takes

  bool has_passed() const noexcept { return !failed_seed; }
};

/// Runs `program` with each seed from `first` on, until one fails. `how` gives the options of a seed.
RINGMILL_API sweep_report sweep(std::uint64_t first, std::uint64_t count,
                                const std::function<options(std::uint64_t)>& how,
                                const std::function<void(world&)>& program);

/// A failure with as few faults as were found to be enough.
class shrunk_failure {
 public:
  explicit shrunk_failure(const options& with) : how(with) {}
  options how;                       ///< fails with the same seed
  std::vector<fault_number> faults;  ///< all that happen then
  std::string text;                  ///< of that failure; empty: it has not failed at all
  unsigned runs = 0;                 ///< that it took to find
};

/// Leaves out faults, more and more of them, as long as the run still fails: in any way, not only the first one.
RINGMILL_API shrunk_failure shrink(std::uint64_t seed, const options& how, const std::function<void(world&)>& program,
                                   unsigned most_runs = 300);

}  // namespace ringmill::sim
