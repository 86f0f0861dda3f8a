// What those who watch files hear of. The order is that of Linux's fs/namei.c and fs/notify: of a change both the
// directory's watchers hear, by name, and then the file's own.
#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>

#include <ringmill/io/sim/detail/file_place.hpp>
#include <ringmill/io/sim/detail/file_watches.hpp>
#include <ringmill/io/sim/detail/path_walk.hpp>
#include <ringmill/io/sim/memory_file_system.hpp>

namespace ringmill::sim {

using detail::file_node;
using detail::file_place;
using detail::found_path;

int memory_file_system::find_watched(path_from where, bool follows, std::uint64_t& file, bool& is_directory) const {
  node_ptr node;
  const auto last = follows ? detail::last_link::follow : detail::last_link::keep;
  if (const int result = find(where, last, node); result < 0) return result;
  file = node->number;
  is_directory = node->is_directory();
  return 0;
}

/// Of `.` and `..` the name that the directory itself has.
file_place memory_file_system::place_of(const found_path& found) const {
  if (found.kind == detail::last_part::name) return file_place(found.directory, found.name);
  const node_ptr above = detail::parent_of(found.node);
  const auto named = std::find_if(above->names.begin(), above->names.end(),
                                  [&](const auto& each) { return each.second == found.node; });
  return named == above->names.end() ? file_place() : file_place(above, named->first);
}

void memory_file_system::tell(const file_node& about, std::uint32_t what, std::string_view name,
                              std::uint32_t cookie) const {
  for (detail::file_watches* const each : watches_) each->hear(about.number, what, name, cookie);
}

void memory_file_system::tell_in(const file_node& directory, const std::string& name, const file_node& node,
                                 std::uint32_t what, std::uint32_t cookie) const {
  tell(directory, what | (node.is_directory() ? IN_ISDIR : 0U), name, cookie);
}

void memory_file_system::tell_of(const file_node& node, const file_place& opened_by, std::uint32_t what) const {
  if (opened_by.directory) tell_in(*opened_by.directory, opened_by.name, node, what);
  tell(node, what | (node.is_directory() ? IN_ISDIR : 0U));
}

/// `replaced`: what had the name before, and has lost it.
void memory_file_system::tell_of_move(const found_path& from, const found_path& to, const file_node* replaced) {
  const file_node& moved = *from.node;
  const std::uint32_t cookie = ++last_cookie_;
  tell_in(*from.directory, from.name, moved, IN_MOVED_FROM, cookie);
  tell_in(*to.directory, to.name, moved, IN_MOVED_TO, cookie);
  if (replaced) tell(*replaced, IN_ATTRIB | (replaced->is_directory() ? IN_ISDIR : 0U));
  tell(moved, IN_MOVE_SELF);
}

/// A file is gone with its last name, or when the last of those closes it who have it open by that.
void memory_file_system::tell_if_gone(const file_node& node, const file_place& name) const {
  const auto is_by_that = [&](const open_file* each) {
    return each->place_ && each->place_->directory == name.directory && each->place_->name == name.name;
  };
  if (!node.is_removed() || std::any_of(node.opened.begin(), node.opened.end(), is_by_that)) return;
  tell(node, IN_DELETE_SELF);
  for (detail::file_watches* const each : watches_) each->forget(node.number);
}

}  // namespace ringmill::sim
