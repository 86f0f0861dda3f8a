#include <ringmill/io/sim/detail/path_walk.hpp>

#include <limits.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ringmill::sim::detail {

namespace {

constexpr int most_links = 40;  // MAXSYMLINKS of Linux

/// Takes the part before the next slash out of `rest`, which begins without one afterwards: true if there was a slash.
bool take_part(std::string& rest, std::string& part) {
  const std::size_t end = rest.find('/');
  part = rest.substr(0, end);
  if (end == std::string::npos) {
    rest.clear();
    return false;
  }
  rest.erase(0, rest.find_first_not_of('/', end));  // npos: all of it
  return true;
}

last_part kind_of(std::string_view part) noexcept {
  return part == "." ? last_part::dot : part == ".." ? last_part::dot_dot : last_part::name;
}

node_ptr look_up(const node_ptr& directory, const std::string& name, last_part kind) {
  if (kind == last_part::dot) return directory;
  if (kind == last_part::dot_dot) return parent_of(directory);
  const auto found = directory->names.find(name);
  return found == directory->names.end() ? nullptr : found->second;
}

/// Goes on at `target`, with what is left behind it.
void go_on_at(const std::string& target, bool has_slash, const node_ptr& root, node_ptr& here, std::string& rest) {
  if (target.front() == '/') here = root;
  rest = target + (has_slash ? "/" : "") + rest;
  rest.erase(0, rest.find_first_not_of('/'));
}

}  // namespace

node_ptr parent_of(const node_ptr& directory) {
  node_ptr above = directory->parent.lock();
  return above ? above : directory;
}

bool is_above(const node_ptr& upper, const node_ptr& directory) {
  for (node_ptr here = directory;; here = parent_of(here)) {
    if (here == upper) return true;
    if (here == parent_of(here)) return false;
  }
}

int walk(const node_ptr& root, const node_ptr& start, std::string_view path, last_link last, found_path& found) {
  if (path.empty()) return -ENOENT;
  if (path.size() >= PATH_MAX) return -ENAMETOOLONG;
  node_ptr here = path.front() == '/' ? root : start;
  std::string rest(path.substr(std::min(path.find_first_not_of('/'), path.size())));
  std::string part;
  int links = 0;
  found = found_path();
  while (!rest.empty()) {
    const bool has_slash = take_part(rest, part);
    const bool is_last = rest.empty();
    if (!here->is_directory()) return -ENOTDIR;
    const last_part kind = kind_of(part);
    if (is_last && has_slash && last == last_link::follow_new && kind == last_part::name) return -EISDIR;
    const bool is_too_long = part.size() > NAME_MAX;
    if (is_too_long && !(is_last && last == last_link::keep_name)) return -ENAMETOOLONG;
    node_ptr next = look_up(here, part, kind);
    if (!is_last && !next) return -ENOENT;
    const bool follows = !is_last || last == last_link::follow || last == last_link::follow_new ||
                         (last == last_link::keep && has_slash);
    if (next && next->is_symlink() && follows) {
      if (++links > most_links) return -ELOOP;
      go_on_at(next->target, has_slash, root, here, rest);
      if (rest.empty()) break;  // it leads to the root
      continue;
    }
    if (is_last) {
      found.directory = std::move(here);
      found.name = std::move(part);
      found.kind = kind;
      found.has_slash = has_slash;
      found.is_too_long = is_too_long;
      found.node = std::move(next);
      return 0;
    }
    here = std::move(next);
  }
  found.directory = found.node = root;
  found.kind = last_part::root;
  return 0;
}

}  // namespace ringmill::sim::detail
