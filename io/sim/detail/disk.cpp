#include <ringmill/io/sim/detail/disk.hpp>

#include <cerrno>

namespace ringmill::sim::detail {

namespace {

/// An errno, or 0.
int draw_fault(environment& around, std::uint32_t host, disk_access what) {
  const bool takes_room = what == disk_access::write || what == disk_access::change_of_names;
  if (takes_room && around.happens(fault::disk_full, host)) return ENOSPC;
  return around.happens(fault::disk_error, host) ? EIO : 0;
}

}  // namespace

std::shared_ptr<memory_file_system> make_disk(const std::shared_ptr<environment>& around, std::uint32_t host) {
  auto made = std::make_shared<memory_file_system>([around] { return around->wall_clock(); });
  made->make_directory("/tmp", 0777);
  made->set_mode("/tmp", 01777);  // whatever the umask says
  made->sync_all();
  if (const std::uint64_t capacity = around->settings.disk_capacity(); capacity > 0) made->set_capacity(capacity);
  made->set_faults([around, host](disk_access what) { return draw_fault(*around, host, what); });
  return made;
}

void crash_disk(memory_file_system& disk, environment& around) {
  disk.crash([&around] { return around.random(); });
}

}  // namespace ringmill::sim::detail
