// From a path to what it leads to, as path_resolution(7) says and Linux does it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <ringmill/io/sim/detail/file_node.hpp>

namespace ringmill::sim::detail {

enum class last_part : std::uint8_t { name, dot, dot_dot, root };

/// Shall the path's last part be followed if it is a symbolic link?
enum class last_link : std::uint8_t {
  follow,
  follow_new,  ///< to where a file may be made: no name with a slash behind it, else -EISDIR
  keep,        ///< but for one with a slash behind it
  keep_name    ///< never: what has this name is made, removed or renamed
};

/// Where a path has led.
class found_path {
 public:
  node_ptr directory;  ///< that the last part lies in
  std::string name;    ///< the last part
  last_part kind = last_part::name;
  bool has_slash = false;    ///< behind the last part
  bool is_too_long = false;  ///< the last part, which is found out later than other errors: with `keep_name` only
  node_ptr node;             ///< null: there is nothing of this name
};

/// 0, also when only the last part is missing; else a negated errno.
int walk(const node_ptr& root, const node_ptr& start, std::string_view path, last_link last, found_path& found);

/// The directory that `..` of this one leads to.
node_ptr parent_of(const node_ptr& directory);
/// Is it the directory itself, or above it?
bool is_above(const node_ptr& upper, const node_ptr& directory);

}  // namespace ringmill::sim::detail
