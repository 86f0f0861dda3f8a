#include <ringmill/io/sim/detail/sim_system.hpp>

#include <cerrno>

#include <ringmill/io/sim/detail/pipe.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim::detail {

int sim_files::pipe(int* ends) { return owner_.pipe(ends); }
int sim_files::pipe_capacity(int, int) { return static_cast<int>(pipe_buffer().capacity); }  // a larger one is refused

int sim_files::open(int, const char*, int) { return -ENOSYS; }
int sim_files::unlink(int, const char*, int) { return -ENOSYS; }
int sim_files::read_directory(int, void*, std::size_t) { return -ENOSYS; }
int sim_files::status(const char*, int, struct ::statx&) { return -ENOSYS; }
int sim_files::truncate(int, std::int64_t) { return -ENOSYS; }
int sim_files::set_mode(int, unsigned) { return -ENOSYS; }
int sim_files::set_mode(const char*, unsigned) { return -ENOSYS; }

int sim_files::make_watch() { return -ENOSYS; }
int sim_files::add_watch(int, const char*, std::uint32_t) { return -ENOSYS; }
int sim_files::remove_watch(int, int) { return -ENOSYS; }

int sim_processes::spawn(const process_options&, const child_streams&, started_process&) { return -ENOSYS; }
int sim_processes::send_signal(int, int) { return -ENOSYS; }
int sim_processes::send_group_signal(int, int) { return -ENOSYS; }
int sim_processes::group_of(int) { return -ENOSYS; }
int sim_processes::wait(int, int, siginfo_t&) { return -ENOSYS; }
int sim_processes::watch_signals(const sigset_t&) { return -ENOSYS; }

}  // namespace ringmill::sim::detail
