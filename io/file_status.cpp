#include <ringmill/io/file_status.hpp>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace ringmill {

file_kind detail::kind_of_mode(unsigned mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return file_kind::regular;
    case S_IFDIR:
      return file_kind::directory;
    case S_IFLNK:
      return file_kind::symlink;
    case S_IFIFO:
      return file_kind::fifo;
    case S_IFSOCK:
      return file_kind::socket;
    case S_IFCHR:
      return file_kind::character_device;
    case S_IFBLK:
      return file_kind::block_device;
    default:
      return file_kind::unknown;
  }
}

namespace {

file_status::time time_of(const statx_timestamp& raw) noexcept {
  return file_status::time(std::chrono::seconds(raw.tv_sec) + std::chrono::nanoseconds(raw.tv_nsec));
}

}  // namespace

const char* to_string(file_kind kind) noexcept {
  switch (kind) {
    case file_kind::regular:
      return "regular file";
    case file_kind::directory:
      return "directory";
    case file_kind::symlink:
      return "symbolic link";
    case file_kind::fifo:
      return "fifo";
    case file_kind::socket:
      return "socket";
    case file_kind::character_device:
      return "character device";
    case file_kind::block_device:
      return "block device";
    case file_kind::unknown:
      break;
  }
  return "unknown";
}

file_status::file_status(const struct ::statx& raw) noexcept
    : kind_(detail::kind_of_mode(raw.stx_mode)),
      mode_(raw.stx_mode & 07777),
      size_(raw.stx_size),
      allocated_(raw.stx_blocks * 512),
      owner_(raw.stx_uid),
      group_(raw.stx_gid),
      links_(raw.stx_nlink),
      modified_(time_of(raw.stx_mtime)),
      accessed_(time_of(raw.stx_atime)),
      changed_(time_of(raw.stx_ctime)),
      inode_(raw.stx_ino),
      device_(makedev(raw.stx_dev_major, raw.stx_dev_minor)) {}

}  // namespace ringmill
