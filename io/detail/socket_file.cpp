#include <ringmill/io/detail/socket_file.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/fd.hpp>
#include <ringmill/io/file_status.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/io/unix_address.hpp>

namespace ringmill::detail {

namespace {

/// Of the file itself if it is a symbolic link; nothing if there is none.
std::optional<file_status> status_of(const std::string& path) {
  struct statx found {};
  if (files().status(path.c_str(), AT_SYMLINK_NOFOLLOW, found) < 0) return std::nullopt;
  return file_status(found);
}

}  // namespace

socket_file::socket_file(std::string path) noexcept : path_(std::move(path)) {
  if (const std::optional<file_status> found = status_of(path_)) {
    device_ = found->device();
    inode_ = found->inode();
  } else {
    path_.clear();
  }
}

void socket_file::remove() noexcept {
  const std::string path = std::exchange(path_, {});
  if (path.empty()) return;
  const std::optional<file_status> found = status_of(path);
  if (found && found->device() == device_ && found->inode() == inode_) files().unlink(AT_FDCWD, path.c_str(), 0);
}

void socket_file::remove_if_stale(const std::string& path, int type) noexcept {
  const std::optional<file_status> found = status_of(path);
  if (!found || found->kind() != file_kind::socket) return;
  const unix_address where = unix_address::path(path);
  kernel& behind = ring::current().backend();
  const fd probe(behind.socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe || behind.connect(probe.number(), where.data(), where.size()) != -ECONNREFUSED) return;
  files().unlink(AT_FDCWD, path.c_str(), 0);
}

}  // namespace ringmill::detail
