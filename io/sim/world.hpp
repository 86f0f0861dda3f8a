// Deterministic simulation: a program of several hosts, their network and all that may go wrong in it, from one seed.
//
//   rm::sim::run(seed, rm::sim::options::swarm(seed), [](rm::sim::world& world) {
//     rm::sim::host& server = world.host("server", "10.0.0.1");
//     server.start_background(serve, 80);              // any function that gives a task<>
//     world.host("client", "10.0.0.2").start(talk_to, server.at(80));
//   });
//
// Every host has a kernel, a ring and a loop of its own; all of them run on this thread, in virtual time, and their
// code is what runs on Linux: the submission entries that Linux would read are interpreted here
// (docs/design/simulation.md). The same seed, options and program give the same run, event for event, on every machine;
// `report::hash` tells.
//
// A program must take time, chance and the outside from ringmill only: rm::sleep_for and loop::now, world::random, the
// handles of io/. Files are on the host's own disk. Child processes are programs that the world is given
// (io/sim/child_process.hpp); threads are not simulated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringmill/io/address.hpp>
#include <ringmill/io/kernel.hpp>
#include <ringmill/io/sim/child_process.hpp>
#include <ringmill/io/sim/options.hpp>
#include <ringmill/io/sim/random.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill::sim {

class memory_file_system;
class world;

namespace detail {
class machine;
class world_state;
}  // namespace detail

/// A simulated machine. Belongs to its world.
class RINGMILL_API host {
 public:
  host(const host&) = delete;
  host& operator=(const host&) = delete;

  const std::string& name() const noexcept;
  /// Its address, with this port.
  address at(std::uint16_t port) const;

  /// Starts `function(args...)`, which gives a task<>, as nursery::start does. The run is over when all that was
  /// started so has ended. An error that it throws is the failure of the run.
  template <class Function, class... Args>
  void start(Function&& function, Args&&... args) {
    begin(held(std::forward<Function>(function), std::forward<Args>(args)...), true);
  }
  /// The same, for what does not end by itself, such as a server: it is cancelled when the run is over.
  template <class Function, class... Args>
  void start_background(Function&& function, Args&&... args) {
    begin(held(std::forward<Function>(function), std::forward<Args>(args)...), false);
  }

  /// Stops everything on it at once, before the next turn of any host: peers find their connections reset, its tasks
  /// are cancelled and what they still send goes nowhere. `start` boots it again, with nothing of what was there but
  /// its disk. A crash while it still goes down takes what was started meanwhile.
  void crash();
  /// Its disk, which stays when it crashes: of what was not synced some is left and some is not, as the seed says. For
  /// looking at it from outside, and for putting something there before its programs begin.
  memory_file_system& disk() noexcept;
  bool is_up() const noexcept;
  /// Sends a signal to the program that runs on it (io/signals.hpp). One that nobody there watches, and that would end
  /// a program, is a `crash`.
  void signal(int number);
  /// How many descriptors are open on it: the same before and after what leaks none.
  int descriptors() const noexcept;

 private:
  friend class world;
  friend class detail::machine;
  explicit host(detail::machine& behind) noexcept : machine_(behind) {}

  template <class Function, class... Args>
  static task<> held(Function&& function, Args&&... args) {
    return ringmill::detail::hold_and_call<std::decay_t<Function>, std::decay_t<Args>...>(
        std::forward<Function>(function), std::forward<Args>(args)...);
  }
  void begin(task<> program, bool is_main);

  detail::machine& machine_;
};

/// What a run was like.
class report {
 public:
  std::uint64_t hash = 0;            ///< of all that happened
  std::uint64_t events = 0;          ///< of the kernels and the network
  std::uint64_t operations = 0;      ///< entries submitted and completions
  std::uint64_t turns = 0;           ///< of loops
  duration length{};                 ///< in virtual time
  std::vector<fault_number> faults;  ///< that happened
  std::string trace;                 ///< with options::whole_trace()
};

/// A run has failed: by an error of a program, a deadlock, a limit of time or turns. `what()` says how, by which seed
/// and options it can be repeated, and ends with the last lines of the trace.
class RINGMILL_API failure : public std::runtime_error {
 public:
  failure(const std::string& text, sim::report what_was, std::exception_ptr why)
      : std::runtime_error(text), report_(std::move(what_was)), cause_(std::move(why)) {}
  const sim::report& report() const noexcept { return report_; }
  /// The error that a program has thrown, if it was one.
  const std::exception_ptr& cause() const noexcept { return cause_; }

 private:
  sim::report report_;
  std::exception_ptr cause_;
};

/// Where hosts live. Belongs to one run, and is there as long as its programs are.
class RINGMILL_API world {
 public:
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  /// The host of that name, which is made when it is first asked for. Without an address it gets 10.0.0.1 and so on.
  /// Throws std::invalid_argument if that is no IP address, or another's.
  sim::host& host(const std::string& name, std::string_view address = {});

  /// Nothing comes through between the two, in either direction, until that is healed. TCP repeats what it was given
  /// to send meanwhile, and gives up, with std::errc::timed_out, after a quarter of an hour or its user timeout;
  /// datagrams are lost.
  void partition(sim::host& one, sim::host& other);
  void heal(sim::host& one, sim::host& other);
  /// All partitions.
  void heal();

  /// What `process::spawn` finds under this name, on every host (io/sim/child_process.hpp). Programs that there are
  /// not: std::errc::no_such_file_or_directory.
  void program(const std::string& name, child_program what);

  /// For programs, which are to draw their random numbers here.
  random_source& random() noexcept;
  /// Virtual time since the run began.
  duration age() const noexcept;
  /// Puts a number into the trace, and so into the hash.
  void note(std::int64_t number);
  /// Its last lines, or all with options::whole_trace().
  std::string trace() const;

  /// For tests of ringmill itself: puts a kernel around that of each host that is made from here on.
  using wrapper = std::function<std::unique_ptr<kernel>(std::unique_ptr<kernel>)>;
  void wrap_kernels(wrapper wrap);

 private:
  friend class detail::world_state;
  explicit world(detail::world_state& behind) noexcept : state_(behind) {}
  detail::world_state& state_;
};

/// Runs what `program` starts in a new world, until it has ended. Throws `failure`, and std::logic_error inside of a
/// running loop.
RINGMILL_API report run(std::uint64_t seed, const options& how, const std::function<void(world&)>& program);

}  // namespace ringmill::sim
