// What all benchmark programs share: measures, how they are run in rounds, and how they are printed.
//
// A measure compares what ringmill needs for something with the least that this machine needs for it: a hand-written
// limit, compiled into the same program. Machines change speed within minutes, so the two take turns (ours, limit,
// ours, limit) and the figure to keep is the median of the ratios within the rounds.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// How hard to try. `--quick` only sees whether everything runs: its figures mean nothing.
class effort {
 public:
  /// `rounds`: in place of what each measure takes; 0 stands for that.
  explicit effort(bool is_quick, std::size_t rounds = 0) noexcept : is_quick_(is_quick), rounds_(rounds) {}
  /// How many operations to do, if `thorough` is how many it takes for a good figure.
  std::size_t operations(std::size_t thorough) const noexcept { return is_quick_ ? thorough / 200 + 1 : thorough; }
  bool is_quick() const noexcept { return is_quick_; }
  std::size_t rounds(std::size_t thorough) const noexcept { return rounds_ != 0 ? rounds_ : is_quick_ ? 2 : thorough; }

 private:
  bool is_quick_;
  std::size_t rounds_;
};

/// Does it once; gives the cost of one operation, or a rate, in the unit of its measure. Not a number (`disturbed`):
/// the machine did something else meanwhile, so the round does not count.
using subject = std::function<double(const effort&)>;
constexpr double disturbed = std::numeric_limits<double>::quiet_NaN();

struct measure {
  std::string name;
  std::string unit;
  subject ours;
  subject limit;
  std::optional<double> target = std::nullopt;  ///< what `ours` is meant to need
  std::size_t rounds = 15;
  std::optional<double> least_ratio = std::nullopt;  ///< the target, where it is relative to the limit
  std::map<std::string, subject> peers = {};         ///< how others do the same, by name
  bool is_rate = false;                              ///< more of it is better; else less
  bool is_relative = false;  ///< only the ratio is told, as the value beside a limit of 1: in the unit "ratio"
};

/// The figures of one measure: medians over the rounds that counted. Of a relative one all are ratios to the limit.
struct outcome {
  double value;
  double limit;
  double ratio;   ///< the limit's cost divided by ours, or our rate by the limit's: 1 is as good as it gets
  double spread;  ///< of the ratios: their largest less their smallest, divided by their median
  std::size_t rounds;
  std::map<std::string, double> peers;
};

/// In place of a round that was disturbed there is another one, but at most twice as many in all. Throws
/// std::runtime_error if none counted.
outcome run(const measure& what, const effort& how);

/// main of a benchmark program: `[--json] [--quick] [--rounds N] [NAME...]`. Gives the exit code: 2 for arguments that
/// it does not know, 1 if something could not be measured.
int run_program(int argc, char** argv, const std::vector<measure>& measures);

/// Nanoseconds that each of `count` operations takes, if `all` does them all.
template <class Function>
double nanoseconds_each(std::size_t count, Function&& all) {
  const auto start = std::chrono::steady_clock::now();
  all();
  const std::chrono::duration<double, std::nano> length = std::chrono::steady_clock::now() - start;
  return length.count() / static_cast<double>(count);
}

/// Makes the compiler believe that `value` is used, and that it may have changed.
template <class Value>
void keep(Value& value) {
  asm volatile("" : "+m"(value) : : "memory");
}

}  // namespace bench
