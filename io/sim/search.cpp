#include <ringmill/io/sim/search.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <ringmill/io/sim/random.hpp>
#include <ringmill/runtime/log.hpp>

namespace ringmill::sim {

namespace {

using program_function = std::function<void(world&)>;

/// Seeds from `first` to `last`.
class seed_range {
 public:
  std::uint64_t first;
  std::uint64_t last;
};

/// "17" is 1 to 17, and "501-1000" what it says.
seed_range range_of(const char* text, seed_range otherwise) {
  if (!text || !*text) return otherwise;
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(text, &end, 10);
  if (*end != '-') return {otherwise.first, otherwise.first + number - 1};
  return {number, std::strtoull(end + 1, nullptr, 10)};
}

/// One run; nothing: it has passed.
std::optional<failure> failure_of(std::uint64_t seed, const options& how, const program_function& program) {
  try {
    run(seed, how, program);
    return std::nullopt;
  } catch (const failure& failed) {
    return failed;
  }
}

std::string names_of(const std::vector<fault_number>& faults) {
  std::string text;
  for (const fault_number& each : faults) {
    text += ' ' + std::string(name_of(each.kind)) + '#' + std::to_string(each.index);
  }
  return text.empty() ? " none" : text;
}

}  // namespace

shrunk_failure shrink(std::uint64_t seed, const options& how, const program_function& program, unsigned most_runs) {
  shrunk_failure best(how);
  const auto still_fails = [&](const std::vector<fault_number>& faults) {
    ++best.runs;
    options fewer = how;
    fewer.only_faults(faults);
    const std::optional<failure> failed = failure_of(seed, fewer, program);
    if (!failed) return false;
    best.how = fewer;
    best.faults = failed->report().faults;
    best.text = failed->what();
    return true;
  };
  const std::optional<failure> original = failure_of(seed, how, program);
  if (!original) return best;
  best.faults = original->report().faults;
  best.text = original->what();
  if (still_fails({})) return best;
  // Ever smaller parts are left out; a part that is not missed does not come back.
  for (std::size_t part = std::max<std::size_t>(best.faults.size() / 2, 1); best.runs < most_runs;) {
    bool was_smaller = false;
    for (std::size_t begin = 0; begin < best.faults.size() && best.runs < most_runs;) {
      std::vector<fault_number> fewer = best.faults;
      const auto from = fewer.begin() + static_cast<std::ptrdiff_t>(begin);
      fewer.erase(from, from + static_cast<std::ptrdiff_t>(std::min(part, fewer.size() - begin)));
      const std::size_t before = best.faults.size();
      if (still_fails(fewer) && best.faults.size() < before) {
        was_smaller = true;
      } else {
        begin += part;
      }
    }
    if (part == 1 && !was_smaller) break;
    part = std::max<std::size_t>(part / 2, 1);
  }
  return best;
}

sweep_report sweep(std::uint64_t first, std::uint64_t count, const std::function<options(std::uint64_t)>& how,
                   const program_function& program) {
  sweep_report found;
  const char* const only = std::getenv("RINGMILL_SIM_SEED");
  const bool alone = only && *only;
  seed_range seeds = range_of(std::getenv("RINGMILL_SIM_SEEDS"), {first, first + count - 1});
  if (alone) seeds.first = seeds.last = std::strtoull(only, nullptr, 10);
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    options settings = how(seed);
    ++found.runs;
    try {
      const report one = run(seed, settings.whole_trace(alone), program);
      found.events += one.events;
      found.operations += one.operations;
      found.length += one.length;
      found.hash = detail::mix(found.hash ^ one.hash);
      if (alone) {
        std::fprintf(stderr, "%sseed %llu has passed\n", one.trace.c_str(), static_cast<unsigned long long>(seed));
      }
    } catch (const failure& failed) {
      found.failed_seed = seed;
      found.text = failed.what();
      if (alone) break;
      const shrunk_failure smaller = shrink(seed, settings, program);
      found.text += "\nafter " + std::to_string(smaller.runs) +
                    " runs with fewer faults, these are enough:" + names_of(smaller.faults) + "\n" + smaller.text;
      break;
    }
  }
  return found;
}

}  // namespace ringmill::sim
