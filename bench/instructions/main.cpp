// For bench/instructions.py, under callgrind: does each scenario a few times, then many times, and calls a function in
// between that callgrind is told to look for. Says what it has done: a line "NAME FEW MANY" for each scenario.
#include <cstdio>

#include "scenario.hpp"

/// Before the first scenario, and behind each run of one.
extern "C" [[gnu::noinline, gnu::visibility("default")]] void instructions_mark() { asm volatile(""); }

int main() {
  constexpr std::size_t few = 1'000;
  constexpr std::size_t many = 5'000;
  std::vector<bench::scenario> all = bench::runtime_scenarios();
  for (const auto& more : {bench::server_scenarios(), bench::channel_scenarios()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  for (const bench::scenario& one : all) {
    std::printf("%.*s %zu %zu\n", static_cast<int>(one.name.size()), one.name.data(), few, many);
  }
  std::fflush(stdout);
  for (const bench::scenario& one : all) one.run(few);  // what is made once, is made
  instructions_mark();
  for (const bench::scenario& one : all) {
    one.run(few);
    instructions_mark();
    one.run(many);
    instructions_mark();
  }
}
