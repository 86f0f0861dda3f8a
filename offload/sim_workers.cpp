#include <ringmill/offload/sim_workers.hpp>

#include <atomic>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <ringmill/io/sim/detail/process.hpp>
#include <ringmill/offload/detail/simulated_worker.hpp>
#include <ringmill/offload/detail/simulated_zygote.hpp>
#include <ringmill/offload/worker_local.hpp>
#include <ringmill/offload/zygote.hpp>

namespace ringmill {

namespace detail {

constinit std::atomic<bool> workers_are_simulated = false;

namespace {

simulated_worker* current_worker() noexcept {
  const sim::detail::process* const running = sim::detail::process::current();
  return running ? static_cast<simulated_worker*>(running->attachment()) : nullptr;
}

}  // namespace

call_host* simulated_host_of_call() noexcept {
  simulated_worker* const here = current_worker();
  return here && here->is_serving() ? here : nullptr;
}

void*& simulated_place_of(const void* key, void (*destroy)(void* value)) {
  static std::map<const void*, void*> outside;
  simulated_worker* const here = current_worker();
  return here ? here->place_of(key, destroy) : outside[key];
}

}  // namespace detail

namespace sim {

void simulate_workers(world& where) {
  ringmill::detail::workers_are_simulated = true;
  where.program(ringmill::detail::zygote_program, [](child_process& self) {
    ringmill::detail::simulated_zygote(self.behind()).run();
    return 0;
  });
}

void compute_for(duration length) {
  if (detail::process* const here = detail::process::current()) here->sleep(length);
}

int worker_pid() noexcept {
  const detail::process* const here = detail::process::current();
  return here ? here->id() : 0;
}

void crash_worker(int signal) {
  if (detail::process* const here = detail::process::current()) here->exit(detail::process_end::killed(signal));
  std::raise(signal);
}

}  // namespace sim
}  // namespace ringmill
