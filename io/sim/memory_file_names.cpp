// Names: made, changed and removed. The order of the checks is Linux's (fs/namei.c), and decides which error comes when
// several would be right.
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include <ringmill/io/sim/detail/file_place.hpp>
#include <ringmill/io/sim/detail/file_tree.hpp>
#include <ringmill/io/sim/detail/path_walk.hpp>
#include <ringmill/io/sim/memory_file_system.hpp>

namespace ringmill::sim {

using detail::file_node;
using detail::file_place;
using detail::found_path;
using detail::last_link;
using detail::last_part;
using detail::name_change;

namespace {
int missing(const found_path& place) noexcept { return place.is_too_long ? -ENAMETOOLONG : -ENOENT; }
}  // namespace

/// A place for a new name: there must be none yet.
int memory_file_system::find_place(path_from where, bool for_directory, found_path& found) const {
  if (const int result = walk(where, last_link::keep_name, found); result < 0) return result;
  if (found.kind != last_part::name) return -EEXIST;
  if (found.is_too_long) return -ENAMETOOLONG;
  if (found.node) return -EEXIST;
  if (found.has_slash && !for_directory) return -ENOENT;
  return found.directory->is_removed() ? -ENOENT : 0;
}

void memory_file_system::add_name(const found_path& where, const node_ptr& node) {
  const bool is_first = node->is_removed();
  where.directory->names.insert_or_assign(where.name, node);
  ++node->links;
  if (node->is_directory()) {
    ++node->links;
    ++where.directory->links;
    node->parent = where.directory;
  }
  node->changed = clock_();
  touch(*where.directory);
  tree_->journal.add({name_change(where.directory, where.name, node)}, false);
  if (!is_first) tell(*node, IN_ATTRIB);  // it has one more link
  tell_in(*where.directory, where.name, *node, IN_CREATE);
}

void memory_file_system::remove_name(const found_path& where) {
  file_node& node = *where.node;
  where.directory->names.erase(where.name);
  if (node.is_directory()) {
    node.links = 0;
    --where.directory->links;
  } else {
    --node.links;
  }
  node.changed = clock_();
  touch(*where.directory);
  for (open_file* const each : node.opened) {
    if (each->place_ && each->place_->is(where.directory, where.name)) each->place_->is_gone = true;
  }
  release(node);
}

int memory_file_system::make_directory(path_from where, unsigned mode) {
  found_path at;
  if (const int result = find_place(where, true, at); result < 0) return result;
  if (const int result = fault(disk_access::change_of_names); result < 0) return result;
  add_name(at, make(S_IFDIR | (mode & 01777)));
  return 0;
}

int memory_file_system::make_node(path_from where, unsigned mode) {
  found_path at;
  if (const int result = find_place(where, false, at); result < 0) return result;
  if (S_ISDIR(mode)) return -EPERM;
  if (const int result = fault(disk_access::change_of_names); result < 0) return result;
  add_name(at, make((mode & S_IFMT) == 0 ? S_IFREG | mode : mode));
  return 0;
}

int memory_file_system::make_symlink(std::string_view target, path_from where) {
  if (target.empty()) return -ENOENT;
  if (target.size() >= PATH_MAX) return -ENAMETOOLONG;
  found_path at;
  if (const int result = find_place(where, false, at); result < 0) return result;
  if (const int result = fault(disk_access::change_of_names); result < 0) return result;
  const node_ptr made = tree_->make(S_IFLNK | 0777, clock_());  // whatever the umask
  made->target = target;
  add_name(at, made);
  return 0;
}

int memory_file_system::link(path_from existing, path_from added) {
  node_ptr node;
  found_path at;
  if (const int result = find(existing, last_link::keep, node); result < 0) return result;
  if (const int result = find_place(added, false, at); result < 0) return result;
  if (node->is_directory()) return -EPERM;
  if (const int result = fault(disk_access::change_of_names); result < 0) return result;
  add_name(at, node);
  return 0;
}

int memory_file_system::unlink(path_from where, int flags) {
  if ((flags & ~AT_REMOVEDIR) != 0) return -EINVAL;
  found_path at;
  if (const int result = walk(where, last_link::keep_name, at); result < 0) return result;
  return flags == 0 ? remove_file(at) : remove_directory(at);
}

int memory_file_system::remove_file(const found_path& at) {
  if (at.kind != last_part::name) return -EISDIR;
  if (!at.node) return missing(at);
  if (at.node->is_directory()) return -EISDIR;
  if (at.has_slash) return -ENOTDIR;
  if (const int result = fault(disk_access::change_of_names); result < 0) return result;
  tree_->journal.add({name_change(at.directory, at.name, nullptr)}, false);
  remove_name(at);
  tell(*at.node, IN_ATTRIB);  // it has one link less
  tell_if_gone(*at.node, file_place(at.directory, at.name));
  tell_in(*at.directory, at.name, *at.node, IN_DELETE);
  return 0;
}

int memory_file_system::remove_directory(const found_path& at) {
  if (at.kind == last_part::dot) return -EINVAL;
  if (at.kind == last_part::dot_dot) return -ENOTEMPTY;
  if (at.kind == last_part::root) return -EBUSY;
  if (!at.node) return missing(at);
  if (!at.node->is_directory()) return -ENOTDIR;
  if (!at.node->names.empty()) return -ENOTEMPTY;
  if (const int result = fault(disk_access::change_of_names); result < 0) return result;
  tree_->journal.add({name_change(at.directory, at.name, nullptr)}, false);
  remove_name(at);
  tell_if_gone(*at.node, file_place(at.directory, at.name));
  tell_in(*at.directory, at.name, *at.node, IN_DELETE);
  return 0;
}

namespace {

constexpr unsigned known_flags = RENAME_NOREPLACE | RENAME_EXCHANGE;

int check_kinds(const file_node& from, const file_node& to) noexcept {
  if (from.is_directory() && !to.is_directory()) return -ENOTDIR;
  if (!from.is_directory() && to.is_directory()) return -EISDIR;
  return to.names.empty() ? 0 : -ENOTEMPTY;
}

int check_slashes(const found_path& from, const found_path& to, bool exchanges) noexcept {
  if (exchanges && !to.node->is_directory() && to.has_slash) return -ENOTDIR;
  if (from.node->is_directory()) return 0;
  return from.has_slash || (!exchanges && to.has_slash) ? -ENOTDIR : 0;
}

int check_rename(const found_path& from, const found_path& to, unsigned flags) {
  const bool exchanges = (flags & RENAME_EXCHANGE) != 0;
  const bool keeps = (flags & RENAME_NOREPLACE) != 0;
  if (from.kind != last_part::name) return -EBUSY;
  if (to.kind != last_part::name) return keeps ? -EEXIST : -EBUSY;
  if (!from.node) return missing(from);
  if (to.is_too_long) return -ENAMETOOLONG;
  if (keeps && to.node) return -EEXIST;
  if (exchanges && !to.node) return -ENOENT;
  if (const int result = check_slashes(from, to, exchanges); result < 0) return result;
  if (detail::is_above(from.node, to.directory)) return -EINVAL;
  if (to.node && detail::is_above(to.node, from.directory)) return exchanges ? -EINVAL : -ENOTEMPTY;
  if (from.node == to.node) return 0;
  if (to.directory->is_removed()) return -ENOENT;
  return to.node && !exchanges ? check_kinds(*from.node, *to.node) : 0;
}

}  // namespace

/// It has come from `from` to `to`; those who have it open by that name have it open by the new one.
void memory_file_system::moved(const node_ptr& node, const found_path& from, const found_path& to) {
  for (open_file* const each : node->opened) {
    if (each->place_ && each->place_->is(from.directory, from.name)) *each->place_ = file_place(to.directory, to.name);
  }
  if (!node->is_directory()) return;
  --from.directory->links;
  ++to.directory->links;
  node->parent = to.directory;
}

int memory_file_system::rename(path_from from, path_from to, unsigned flags) {
  if ((flags & ~known_flags) != 0 || flags == known_flags) return -EINVAL;
  found_path old_place;
  found_path new_place;
  if (const int result = walk(from, last_link::keep_name, old_place); result < 0) return result;
  if (const int result = walk(to, last_link::keep_name, new_place); result < 0) return result;
  if (const int result = check_rename(old_place, new_place, flags); result < 0) return result;
  if (old_place.node == new_place.node) return 0;  // two names of one file: both stay
  if (const int result = fault(disk_access::change_of_names); result < 0) return result;
  if ((flags & RENAME_EXCHANGE) != 0) {
    exchange(old_place, new_place);
  } else {
    replace(old_place, new_place);
  }
  old_place.node->changed = clock_();
  touch(*old_place.directory);
  touch(*new_place.directory);
  if ((flags & RENAME_EXCHANGE) != 0) {
    tell_of_move(old_place, new_place, nullptr);
    tell_of_move(new_place, old_place, nullptr);
    return 0;
  }
  tell_of_move(old_place, new_place, new_place.node.get());
  if (new_place.node) tell_if_gone(*new_place.node, file_place(new_place.directory, new_place.name));
  return 0;
}

void memory_file_system::replace(const found_path& from, const found_path& to) {
  tree_->journal.add({name_change(from.directory, from.name, nullptr), name_change(to.directory, to.name, from.node)},
                     from.node->is_directory());
  if (to.node) remove_name(to);
  from.directory->names.erase(from.name);
  to.directory->names.insert_or_assign(to.name, from.node);
  moved(from.node, from, to);
}

void memory_file_system::exchange(const found_path& from, const found_path& to) {
  tree_->journal.add({name_change(from.directory, from.name, to.node), name_change(to.directory, to.name, from.node)},
                     from.node->is_directory() || to.node->is_directory());
  from.directory->names.insert_or_assign(from.name, to.node);
  to.directory->names.insert_or_assign(to.name, from.node);
  moved(from.node, from, to);
  moved(to.node, to, from);
  to.node->changed = clock_();
}

}  // namespace ringmill::sim
