#include <ringmill/io/sim/detail/sim_files.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include <ringmill/io/sim/detail/disk_file.hpp>
#include <ringmill/io/sim/detail/file_start.hpp>
#include <ringmill/io/sim/detail/pipe.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/io/sim/detail/watch_queue.hpp>

namespace ringmill::sim::detail {

sim_files::sim_files(sim_kernel& owner, std::shared_ptr<memory_file_system> disk) noexcept
    : owner_(owner), disk_(std::move(disk)) {}

int sim_files::pipe(int* ends) { return owner_.pipe(ends); }
int sim_files::pipe_capacity(int, int) { return static_cast<int>(pipe_buffer().capacity); }  // a larger one is refused

int sim_files::open(int directory, const char* path, int flags) { return open(directory, path, flags, 0); }

int sim_files::open(int directory, const char* path, int flags, unsigned mode) {
  const file_start from(owner_, directory, path);
  if (from.error() < 0) return from.error();
  memory_file_system::open_ptr opened;
  if (const int result = disk_->open(from.where(), flags, mode, opened); result < 0) return result;
  return owner_.install(std::make_shared<disk_file>(owner_, disk_, std::move(opened)));
}

int sim_files::unlink(int directory, const char* path, int flags) {
  const file_start from(owner_, directory, path);
  return from.error() < 0 ? from.error() : disk_->unlink(from.where(), flags);
}

int sim_files::read_directory(int directory, void* entries, std::size_t size) {
  const auto what = owner_.object_of(directory);
  if (!what) return -EBADF;
  auto* const file = dynamic_cast<disk_file*>(what.get());
  return file ? file->opened().read_directory(std::span(static_cast<std::byte*>(entries), size)) : -ENOTDIR;
}

int sim_files::status(const char* path, int flags, struct ::statx& found) {
  return status(AT_FDCWD, path, flags, found);
}

namespace {

/// What has no name anywhere.
int status_of_object(const object& what, struct ::statx& found) {
  if (const auto* const file = dynamic_cast<const disk_file*>(&what)) return file->opened().status(found);
  found = {};
  found.stx_mask = STATX_BASIC_STATS;
  found.stx_blksize = 4096;
  found.stx_nlink = 1;
  found.stx_mode = static_cast<std::uint16_t>(what.mode());
  return 0;
}

}  // namespace

int sim_files::status(int directory, const char* path, int flags, struct ::statx& found) {
  const bool is_of_descriptor = *path == '\0' && (flags & AT_EMPTY_PATH) != 0;
  if (is_of_descriptor && directory != AT_FDCWD) {
    if (owner_.is_dead()) return -ECANCELED;
    const auto what = owner_.object_of(directory);
    return what ? status_of_object(*what, found) : -EBADF;
  }
  const file_start from(owner_, directory, is_of_descriptor ? "." : path);
  return from.error() < 0 ? from.error() : disk_->status(from.where(), flags & AT_SYMLINK_NOFOLLOW, found);
}

int sim_files::make_socket_file(const std::string& path, std::uint64_t& inode) {
  if (owner_.is_dead()) return -ECANCELED;
  const int result = disk_->make_node(path, S_IFSOCK | 0777);
  return result < 0 ? (result == -EEXIST ? -EADDRINUSE : result) : find_socket_file(path, inode);
}

int sim_files::find_socket_file(const std::string& path, std::uint64_t& inode) {
  if (owner_.is_dead()) return -ECANCELED;
  struct ::statx found {};
  if (const int result = disk_->status(path, 0, found); result < 0) return result;
  inode = found.stx_ino;
  return S_ISSOCK(found.stx_mode) ? 0 : -ECONNREFUSED;
}

int sim_files::truncate(int fd, std::int64_t size) {
  if (size < 0) return -EINVAL;
  const auto what = owner_.object_of(fd);
  if (!what) return -EBADF;
  auto* const file = dynamic_cast<disk_file*>(what.get());
  return file ? file->opened().truncate(size) : -EINVAL;
}

int sim_files::make_watch() {
  if (owner_.is_dead()) return -ECANCELED;
  if (owner_.around().happens(fault::no_descriptor, owner_.host())) return -EMFILE;
  return owner_.install(std::make_shared<watch_queue>(owner_, disk_));
}

int sim_files::add_watch(int fd, const char* path, std::uint32_t events) {
  const file_start from(owner_, AT_FDCWD, path);
  if (from.error() < 0) return from.error();
  const auto what = owner_.object_of(fd);
  if (!what) return -EBADF;
  auto* const queue = dynamic_cast<watch_queue*>(what.get());
  return queue ? queue->watches().add(from.where(), events) : -EINVAL;
}

int sim_files::remove_watch(int fd, int watch) {
  const auto what = owner_.object_of(fd);
  if (!what) return -EBADF;
  auto* const queue = dynamic_cast<watch_queue*>(what.get());
  return queue ? queue->watches().remove(watch) : -EINVAL;
}

int sim_files::set_mode(int fd, unsigned mode) {
  const auto what = owner_.object_of(fd);
  if (!what) return -EBADF;
  auto* const file = dynamic_cast<disk_file*>(what.get());
  return file ? file->opened().set_mode(mode) : 0;  // of a socket or a pipe nobody looks at it
}

int sim_files::set_mode(const char* path, unsigned mode) {
  const file_start from(owner_, AT_FDCWD, path);
  return from.error() < 0 ? from.error() : disk_->set_mode(from.where(), mode);
}

}  // namespace ringmill::sim::detail
