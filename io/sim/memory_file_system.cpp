#include <ringmill/io/sim/memory_file_system.hpp>

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include <ringmill/io/sim/detail/file_place.hpp>
#include <ringmill/io/sim/detail/file_tree.hpp>
#include <ringmill/io/sim/detail/path_walk.hpp>

namespace ringmill::sim {

using detail::file_content;
using detail::file_node;
using detail::file_place;
using detail::found_path;
using detail::last_link;

memory_file_system::memory_file_system(clock now)
    : clock_(std::move(now)), tree_(std::make_unique<detail::file_tree>(clock_())) {}

memory_file_system::~memory_file_system() = default;

void memory_file_system::set_capacity(std::uint64_t bytes) noexcept { capacity_ = bytes / file_content::page_size; }
std::uint64_t memory_file_system::used() const noexcept { return used_ * file_content::page_size; }

detail::node_ptr memory_file_system::make(unsigned mode) { return tree_->make(mode & ~umask_, clock_()); }

void memory_file_system::touch(file_node& node) const { node.modified = node.changed = clock_(); }

/// When nobody can reach it any more it takes no room.
void memory_file_system::release(file_node& node) {
  if (node.links > 0 || !node.opened.empty()) return;
  used_ -= node.content.pages();
  node.content.drop();
}

void memory_file_system::cut_to_nothing(file_node& node) {
  used_ -= node.content.pages();
  node.content.resize(0);
  touch(node);
}

int memory_file_system::walk(path_from where, last_link last, found_path& found) const {
  const node_ptr& start = where.start ? where.start->node_ : tree_->working_directory;
  return detail::walk(tree_->root, start, where.path, last, found);
}

/// What is there.
int memory_file_system::find(path_from where, last_link last, found_path& at) const {
  if (const int result = walk(where, last, at); result < 0) return result;
  if (!at.node) return -ENOENT;
  return at.has_slash && !at.node->is_directory() ? -ENOTDIR : 0;
}

int memory_file_system::find(path_from where, last_link last, node_ptr& found) const {
  found_path at;
  if (const int result = find(where, last, at); result < 0) return result;
  found = std::move(at.node);
  return 0;
}

void memory_file_system::change_mode(file_node& node, const file_place& opened_by, unsigned mode) const {
  node.mode = (node.mode & S_IFMT) | (mode & 07777);
  node.changed = clock_();
  tell_of(node, opened_by, IN_ATTRIB);
}

namespace {

bool wants_to_write(int flags) noexcept { return (flags & O_ACCMODE) != O_RDONLY; }

/// May it be opened, now that it is there?
int check_open(const file_node& node, int flags) noexcept {
  if ((flags & O_DIRECTORY) != 0 && !node.is_directory()) return -ENOTDIR;
  if ((flags & O_PATH) != 0) return 0;
  if (node.is_symlink()) return -ELOOP;
  if (node.is_directory() && (wants_to_write(flags) || (flags & O_TRUNC) != 0)) return -EISDIR;
  return S_ISSOCK(node.mode) ? -ENXIO : 0;
}

}  // namespace

int memory_file_system::open(path_from where, int flags, unsigned mode, open_ptr& opened) {
  if ((flags & O_PATH) != 0) flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  if ((flags & O_TMPFILE) == O_TMPFILE) return open_unnamed(where, flags, mode, opened);
  if ((flags & O_CREAT) != 0 && (flags & O_DIRECTORY) != 0) return -EINVAL;
  found_path at;
  bool is_new = false;
  if (const int result = find_or_make(where, flags, mode, at, is_new); result < 0) return result;
  if (!is_new) {
    if (at.has_slash && !at.node->is_directory()) return -ENOTDIR;
    if (const int result = check_open(*at.node, flags); result < 0) return result;
  }
  auto place = std::make_unique<file_place>(place_of(at));
  const bool is_cut = !is_new && (flags & O_TRUNC) != 0 && at.node->is_regular();
  opened = std::make_shared<open_file>(*this, at.node, flags, std::move(place));
  opened->tell(IN_OPEN);
  if (is_cut) {
    cut_to_nothing(*at.node);
    opened->tell(IN_MODIFY);
  }
  return 0;
}

int memory_file_system::find_or_make(path_from where, int flags, unsigned mode, found_path& at, bool& is_new) {
  const bool makes = (flags & O_CREAT) != 0;
  const bool must_be_new = makes && (flags & O_EXCL) != 0;
  const bool follows = !must_be_new && (flags & O_NOFOLLOW) == 0;
  const last_link last = makes ? (follows ? last_link::follow_new : last_link::keep_name)
                               : (follows ? last_link::follow : last_link::keep);
  if (const int result = walk(where, last, at); result < 0) return result;
  if (!makes) return at.node ? 0 : -ENOENT;
  if (at.has_slash && at.kind == detail::last_part::name) return -EISDIR;
  if (at.is_too_long) return -ENAMETOOLONG;
  if (at.node) return must_be_new ? -EEXIST : at.node->is_directory() ? -EISDIR : 0;
  if (at.directory->is_removed()) return -ENOENT;
  if (const int result = fault(disk_access::change_of_names); result < 0) return result;
  at.node = make(S_IFREG | (mode & 07777));
  add_name(at, at.node);
  is_new = true;
  return 0;
}

int memory_file_system::open_unnamed(path_from where, int flags, unsigned mode, open_ptr& opened) {
  if (!wants_to_write(flags) || (flags & O_CREAT) != 0) return -EINVAL;
  node_ptr directory;
  if (const int result = find(where, last_link::follow, directory); result < 0) return result;
  if (!directory->is_directory()) return -ENOTDIR;
  opened = std::make_shared<open_file>(*this, make(S_IFREG | (mode & 07777)), flags & ~O_TMPFILE);
  return 0;
}

int memory_file_system::status(path_from where, int flags, struct ::statx& found) {
  node_ptr node;
  const last_link last = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? last_link::keep : last_link::follow;
  if (const int result = this->find(where, last, node); result < 0) return result;
  return open_file(*this, std::move(node), O_PATH).status(found);
}

int memory_file_system::set_mode(path_from where, unsigned mode) {
  found_path at;
  if (const int result = find(where, last_link::follow, at); result < 0) return result;
  change_mode(*at.node, place_of(at), mode);
  return 0;
}

int memory_file_system::read_link(path_from where, std::span<char> target) {
  node_ptr node;
  if (const int result = find(where, last_link::keep, node); result < 0) return result;
  if (!node->is_symlink() || target.empty()) return -EINVAL;
  const std::size_t length = std::min(target.size(), node->target.size());
  std::copy_n(node->target.begin(), length, target.begin());
  return static_cast<int>(length);
}

int memory_file_system::change_working_directory(path_from where) {
  node_ptr node;
  if (const int result = find(where, last_link::follow, node); result < 0) return result;
  if (!node->is_directory()) return -ENOTDIR;
  tree_->working_directory = std::move(node);
  return 0;
}

void memory_file_system::sync_all() { tree_->sync(); }

void memory_file_system::crash(const std::function<std::uint64_t()>& random) { used_ = tree_->crash(random); }

}  // namespace ringmill::sim
