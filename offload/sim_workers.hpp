// Process pools in simulated worlds (io/sim/world.hpp).
//
//   rm::sim::run(seed, rm::sim::options::swarm(seed), [](rm::sim::world& world) {
//     rm::sim::simulate_workers(world);
//     world.host("one").start([]() -> rm::task<> {
//       rm::process_pool pool(rm::pool_options().workers(2));
//       const int answer = co_await pool.run<&compute>(7);
//       ...
//
// The pool is the real one: its scheduler, its channel, its way with crashes, cancels and deadlines. Zygote and workers
// are simulated processes. A worker runs the real worker's end of the channel, step by step, and the functions that it
// is told to call, in this process; between any two of its steps the world may do something else, and it may be killed,
// die, hang or lie, by the faults of io/sim/options.hpp.
//
// A function takes no virtual time, but what it says (`compute_for`). It has to take time and chance from there, and
// what it keeps from one call to the next from worker_local: a static of its own would be shared by all workers.
//
// Say how many workers a pool has; as many as there are processors is another run on another machine.
#pragma once

#include <ringmill/io/sim/world.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {
class call_host;
/// Of the simulated worker that runs now, or null.
call_host* simulated_host_of_call() noexcept;
}  // namespace ringmill::detail

namespace ringmill::sim {

/// From now on process pools can be made on the hosts of that world.
RINGMILL_API void simulate_workers(world& where);

/// For functions that run in workers: this takes so much virtual time there. Nothing outside of a simulated worker.
RINGMILL_API void compute_for(duration length);

/// The same: the worker dies by this signal. Outside of a simulated worker std::raise.
RINGMILL_API void crash_worker(int signal);

/// The number of the simulated worker that runs now; 0 outside of one.
RINGMILL_API int worker_pid() noexcept;

}  // namespace ringmill::sim
