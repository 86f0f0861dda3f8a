#include <ringmill/io/sim/detail/sim_processes.hpp>

#include <cerrno>

namespace ringmill::sim::detail {

int sim_processes::spawn(const process_options&, const child_streams&, started_process&) { return -ENOSYS; }
int sim_processes::send_signal(int, int) { return -ENOSYS; }
int sim_processes::send_group_signal(int, int) { return -ENOSYS; }
int sim_processes::group_of(int) { return -ENOSYS; }
int sim_processes::wait(int, int, siginfo_t&) { return -ENOSYS; }
int sim_processes::watch_signals(const sigset_t&) { return -ENOSYS; }

}  // namespace ringmill::sim::detail
