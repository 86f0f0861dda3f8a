// What is behind a name in memory: a file, a directory, a symbolic link, or a special file.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ringmill/io/sim/detail/file_content.hpp>
#include <ringmill/runtime/detail/shared_ptr.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::sim {
class open_file;
}

namespace ringmill::sim::detail {

class file_node;
using node_ptr = std::shared_ptr<file_node>;
using name_map = std::map<std::string, node_ptr, std::less<>>;

/// An inode. `mode` has the kind in its upper bits, as stat(2) has it.
class file_node {
 public:
  file_node(std::uint64_t its_number, unsigned its_mode, duration now)
      : number(its_number), mode(its_mode), synced_mode(its_mode), accessed(now), modified(now), changed(now) {}

  bool is_directory() const noexcept { return S_ISDIR(mode); }
  bool is_regular() const noexcept { return S_ISREG(mode); }
  bool is_symlink() const noexcept { return S_ISLNK(mode); }
  /// No name is left; of a directory, too.
  bool is_removed() const noexcept { return links == 0; }

  const std::uint64_t number;
  unsigned mode;
  unsigned synced_mode;
  unsigned links = 0;  ///< names; of a directory "." and the ".." of those below it as well
  std::vector<open_file*> opened;
  duration accessed;
  duration modified;
  duration changed;

  file_content content;  ///< of a regular file
  std::string target;    ///< of a symbolic link

  // Of a directory: what programs see, and what is on the disk.
  name_map names;
  name_map synced_names;
  std::weak_ptr<file_node> parent;
};

}  // namespace ringmill::sim::detail
