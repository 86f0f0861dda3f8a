#include <ringmill/io/sim/world.hpp>

#include <stdexcept>

#include <ringmill/io/sim/detail/machine.hpp>
#include <ringmill/io/sim/detail/world_state.hpp>
#include <ringmill/runtime/thread_state.hpp>

namespace ringmill::sim {

const std::string& host::name() const noexcept { return machine_.name(); }
address host::at(std::uint16_t port) const { return *address::parse(machine_.address(), port); }
void host::begin(task<> program, bool is_main) { machine_.begin(std::move(program), is_main); }
void host::crash() { machine_.crash_again(); }
memory_file_system& host::disk() noexcept { return machine_.disk(); }
void host::signal(int number) { machine_.signal(number); }
bool host::is_up() const noexcept { return machine_.is_up(); }
int host::descriptors() const noexcept { return machine_.descriptors(); }

sim::host& world::host(const std::string& name, std::string_view address) {
  return state_.find_or_make(name, address).face();
}

void world::partition(sim::host& one, sim::host& other) {
  state_.around()->net.cut(one.machine_.number(), other.machine_.number());
}
void world::heal(sim::host& one, sim::host& other) {
  state_.around()->net.heal(one.machine_.number(), other.machine_.number());
}
void world::heal() { state_.around()->net.heal_all(); }

void world::program(const std::string& name, child_program what) {
  state_.around()->programs.insert_or_assign(name, std::move(what));
}
random_source& world::random() noexcept { return state_.random_of_programs(); }
duration world::age() const noexcept { return state_.around()->age(); }
void world::note(std::int64_t number) { state_.around()->record(0, detail::trace::kind::note, 0, number); }
std::string world::trace() const { return state_.around()->lines.text(); }
void world::wrap_kernels(wrapper wrap) { state_.set_wrapper(std::move(wrap)); }

report run(std::uint64_t seed, const options& how, const std::function<void(world&)>& program) {
  if (ringmill::detail::this_thread.attached_loop) {
    throw std::logic_error("sim::run() inside of a running loop: a simulation is not a part of a program");
  }
  detail::world_state state(seed, how);
  return state.run(program);
}

}  // namespace ringmill::sim
