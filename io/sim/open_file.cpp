// What is done with an open file.
#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include <ringmill/io/sim/detail/file_place.hpp>
#include <ringmill/io/sim/detail/file_tree.hpp>
#include <ringmill/io/sim/detail/path_walk.hpp>
#include <ringmill/io/sim/memory_file_system.hpp>

namespace ringmill::sim {

using detail::file_content;
using detail::file_node;

namespace {

constexpr std::size_t most_bytes = 0x7ffff000;  ///< that one call moves, as on Linux
constexpr auto largest_file = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

statx_timestamp timestamp(duration since_1970) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_1970);
  statx_timestamp made{};
  made.tv_sec = seconds.count();
  made.tv_nsec = static_cast<std::uint32_t>((since_1970 - seconds).count());
  return made;
}

std::uint64_t size_of(const file_node& node) noexcept {
  if (node.is_symlink()) return node.target.size();
  return node.is_directory() ? file_content::page_size : node.content.size();
}

/// Of a range that starts at `offset`, as much as `room` pages more hold.
std::size_t fitting(const file_content& content, std::uint64_t offset, std::size_t length, std::uint64_t room) {
  while (length > 0 && content.pages_wanted(offset, length) > room) {
    const std::uint64_t last_page = (offset + length - 1) / file_content::page_size * file_content::page_size;
    length = last_page > offset ? static_cast<std::size_t>(last_page - offset) : 0;
  }
  return length;
}

}  // namespace

open_file::open_file(memory_file_system& owner, detail::node_ptr node, int flags,
                     std::unique_ptr<detail::file_place> place)
    : owner_(owner), node_(std::move(node)), flags_(flags), place_(std::move(place)) {
  node_->opened.push_back(this);
}

open_file::~open_file() {
  std::erase(node_->opened, this);
  tell(can_write() ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
  if (place_) owner_.tell_if_gone(*node_, *place_);
  owner_.release(*node_);
}

void open_file::tell(std::uint32_t what) const {
  if (place_ && !is_path_only()) owner_.tell_of(*node_, *place_, what);
}

unsigned open_file::mode() const noexcept { return node_->mode; }
std::uint64_t open_file::inode() const noexcept { return node_->number; }

bool open_file::is_path_only() const noexcept { return (flags_ & O_PATH) != 0; }
bool open_file::can_read() const noexcept { return !is_path_only() && (flags_ & O_ACCMODE) != O_WRONLY; }
bool open_file::can_write() const noexcept { return !is_path_only() && (flags_ & O_ACCMODE) != O_RDONLY; }

std::int64_t open_file::read(std::span<std::byte> to, std::int64_t offset) {
  if (!can_read()) return -EBADF;
  if (node_->is_directory()) return -EISDIR;
  if (offset < -1 || !node_->is_regular()) return -EINVAL;
  if (const int result = owner_.fault(disk_access::read); result < 0) return result;
  const bool at_position = offset == -1;
  if (at_position) offset = position_;
  to = to.first(std::min(to.size(), most_bytes));
  const std::size_t got = node_->content.read(static_cast<std::uint64_t>(offset), to);
  if (got > 0) {
    node_->accessed = owner_.clock_();
    tell(IN_ACCESS);
  }
  if (at_position) position_ += static_cast<std::int64_t>(got);
  return static_cast<std::int64_t>(got);
}

std::int64_t open_file::write(std::span<const std::byte> from, std::int64_t offset) {
  if (!can_write()) return -EBADF;
  if (offset < -1 || !node_->is_regular()) return -EINVAL;
  if (from.empty()) return 0;
  if (const int result = owner_.fault(disk_access::write); result < 0) return result;
  file_content& content = node_->content;
  const bool at_position = offset == -1;
  const std::uint64_t start =
      (flags_ & O_APPEND) != 0 ? content.size() : static_cast<std::uint64_t>(at_position ? position_ : offset);
  if (start >= largest_file) return -EFBIG;
  auto length = static_cast<std::size_t>(std::min<std::uint64_t>({from.size(), most_bytes, largest_file - start}));
  length = fitting(content, start, length, owner_.capacity_ - std::min(owner_.capacity_, owner_.used_));
  if (length == 0) return -ENOSPC;
  owner_.used_ += content.pages_wanted(start, length);
  content.write(start, from.first(length));
  owner_.touch(*node_);
  tell(IN_MODIFY);
  if (at_position) position_ = static_cast<std::int64_t>(start + length);
  return static_cast<std::int64_t>(length);
}

int open_file::truncate(std::int64_t size) {
  if (size < 0) return -EINVAL;
  if (is_path_only()) return -EBADF;
  if (!can_write() || !node_->is_regular()) return -EINVAL;
  if (const int result = owner_.fault(disk_access::write); result < 0) return result;
  owner_.used_ -= node_->content.pages();
  node_->content.resize(static_cast<std::uint64_t>(size));
  owner_.used_ += node_->content.pages();
  owner_.touch(*node_);
  tell(IN_MODIFY);
  return 0;
}

int open_file::allocate(int mode, std::int64_t offset, std::int64_t length) {
  if (is_path_only()) return -EBADF;
  if (offset < 0 || length <= 0) return -EINVAL;
  if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0) return -EOPNOTSUPP;
  if (!can_write()) return -EBADF;
  if (!node_->is_regular()) return -ENODEV;
  if (length > std::numeric_limits<std::int64_t>::max() - offset) return -EFBIG;
  if (const int result = owner_.fault(disk_access::write); result < 0) return result;
  const auto start = static_cast<std::uint64_t>(offset);
  const auto count = static_cast<std::uint64_t>(length);
  file_content& content = node_->content;
  const std::size_t wanted = content.pages_wanted(start, count);
  if (wanted > owner_.capacity_ - std::min(owner_.capacity_, owner_.used_)) return -ENOSPC;
  content.allocate(start, count);
  owner_.used_ += wanted;
  if (mode == 0) content.grow_to(start + count);
  owner_.touch(*node_);
  tell(IN_MODIFY);
  return 0;
}

int open_file::sync(bool data_only) {
  if (is_path_only()) return -EBADF;
  if (node_->is_symlink() || !(node_->is_regular() || node_->is_directory())) return -EINVAL;
  if (const int result = owner_.fault(disk_access::sync); result < 0) {
    node_->content.forget_unsynced();
    return result;
  }
  node_->content.sync();
  if (!data_only) node_->synced_mode = node_->mode;
  if (node_->is_directory()) owner_.tree_->journal.sync(*node_);
  return 0;
}

int open_file::status(struct ::statx& found) const {
  found = {};
  found.stx_mask = STATX_BASIC_STATS;
  found.stx_blksize = file_content::page_size;
  found.stx_nlink = node_->links;
  found.stx_mode = static_cast<std::uint16_t>(node_->mode);
  found.stx_ino = node_->number;
  found.stx_size = size_of(*node_);
  found.stx_blocks = node_->content.pages() * (file_content::page_size / 512);
  found.stx_atime = timestamp(node_->accessed);
  found.stx_mtime = timestamp(node_->modified);
  found.stx_ctime = timestamp(node_->changed);
  found.stx_dev_minor = 1;
  return 0;
}

int open_file::set_mode(unsigned mode) {
  if (is_path_only()) return -EBADF;
  owner_.change_mode(*node_, place_ ? *place_ : detail::file_place(), mode);
  return 0;
}

int open_file::read_directory(std::span<std::byte> entries) {
  if (!can_read()) return -EBADF;
  if (!node_->is_directory()) return -ENOTDIR;
  if (node_->is_removed()) return -ENOENT;
  if (const int result = owner_.fault(disk_access::read); result < 0) return result;
  tell(IN_ACCESS);
  std::size_t used = 0;
  const auto put = [&](const std::string& name, const file_node& node) {
    constexpr std::size_t head = offsetof(dirent64, d_name);
    const std::size_t length = (head + name.size() + 1 + 7) / 8 * 8;
    if (entries.size() - used < length) return false;
    std::byte* const at = entries.data() + used;
    const auto record_length = static_cast<std::uint16_t>(length);
    const auto type = static_cast<unsigned char>(IFTODT(node.mode));
    const auto next = static_cast<std::int64_t>(node.number);
    std::memset(at, 0, length);
    std::memcpy(at + offsetof(dirent64, d_ino), &node.number, sizeof node.number);
    std::memcpy(at + offsetof(dirent64, d_off), &next, sizeof next);
    std::memcpy(at + offsetof(dirent64, d_reclen), &record_length, sizeof record_length);
    std::memcpy(at + offsetof(dirent64, d_type), &type, sizeof type);
    std::memcpy(at + head, name.data(), name.size());
    used += length;
    return true;
  };
  const auto parent = detail::parent_of(node_);
  if (dots_listed_ == 0 && put(".", *node_)) dots_listed_ = 1;
  if (dots_listed_ == 1 && put("..", *parent)) dots_listed_ = 2;
  if (dots_listed_ < 2) return used == 0 ? -EINVAL : static_cast<int>(used);
  for (auto next = node_->names.upper_bound(last_listed_); next != node_->names.end(); ++next) {
    if (!put(next->first, *next->second)) return used == 0 ? -EINVAL : static_cast<int>(used);
    last_listed_ = next->first;
  }
  return static_cast<int>(used);
}

}  // namespace ringmill::sim
