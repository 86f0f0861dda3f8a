// bench/runtime: what ringmill's coroutines, timers and tasks cost, beside the least that they could.
#include <ringmill/version.hpp>

#include "measures.hpp"

int main(int argc, char** argv) {
  std::vector<bench::measure> all;
  const auto add = [&](std::vector<bench::measure> part) {
    for (bench::measure& one : part) all.push_back(std::move(one));
  };
  add(bench::task_measures());
  add(bench::timer_measures());
  add(bench::channel_measures());
#if RINGMILL_HAS_FIBERS
  add(bench::fiber_measures());
#endif
  add(bench::sleeper_measures());
  return bench::run_program(argc, argv, all);
}
