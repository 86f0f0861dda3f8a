// Changes of names that are not on the disk yet, and what a crash makes of them.
#pragma once

#include <string>
#include <vector>

#include <ringmill/io/sim/detail/file_node.hpp>

namespace ringmill::sim::detail {

/// One name of a directory leads elsewhere from now on.
class name_change {
 public:
  name_change(node_ptr in, std::string of, node_ptr to)
      : directory(std::move(in)), name(std::move(of)), node(std::move(to)) {}
  node_ptr directory;
  std::string name;
  node_ptr node;  ///< null: the name is gone
};

/// A step is on the disk as a whole or not at all: both sides of a rename come together. Syncing a directory puts there
/// the steps that change a name in it, and the earlier ones that those build upon; not others, and not those of other
/// directories. POSIX promises no more than that, and of the file systems in use some keep no more.
class name_journal {
 public:
  /// `moves_directory`: builds upon all that was before, so that no directory can end up below itself.
  void add(std::vector<name_change> step, bool moves_directory);
  void sync(const file_node& directory);
  void sync_all();
  /// Some steps are on the disk and others are not, but none without those that it builds upon.
  void crash(const crash_decisions& random);

 private:
  struct step {
    std::vector<name_change> changes;
    bool moves_directory;
    bool is_wanted = false;
  };
  template <class Wanted>
  void commit(Wanted wanted);
  static bool builds_upon(const step& later, const step& earlier) noexcept;
  static void apply(const step& one);

  std::vector<step> steps_;
};

}  // namespace ringmill::sim::detail
