#include <ringmill/io/detail/socket_file.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/unix_address.hpp>

namespace ringmill::detail {

socket_file::socket_file(std::string path) noexcept : path_(std::move(path)) {
  struct stat found {};
  if (::lstat(path_.c_str(), &found) < 0) {
    path_.clear();
    return;
  }
  device_ = found.st_dev;
  inode_ = found.st_ino;
}

void socket_file::remove() noexcept {
  const std::string path = std::exchange(path_, {});
  struct stat found {};
  if (path.empty() || ::lstat(path.c_str(), &found) < 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) ::unlink(path.c_str());
}

void socket_file::remove_if_stale(const std::string& path, int type) noexcept {
  struct stat found {};
  if (::lstat(path.c_str(), &found) < 0 || !S_ISSOCK(found.st_mode)) return;
  const unix_address where = unix_address::path(path);
  const fd probe(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe || ::connect(probe.number(), where.data(), where.size()) == 0 || errno != ECONNREFUSED) return;
  ::unlink(path.c_str());
}

}  // namespace ringmill::detail
