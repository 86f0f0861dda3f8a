// All that a file system in memory consists of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include <ringmill/io/sim/detail/file_node.hpp>
#include <ringmill/io/sim/detail/name_journal.hpp>

namespace ringmill::sim::detail {

/// The nodes that somebody still refers to: a name in memory or on the disk, a change of one that is not there yet, or
/// who has it open.
class file_tree {
 public:
  explicit file_tree(duration now);
  file_tree(const file_tree&) = delete;
  file_tree& operator=(const file_tree&) = delete;
  ~file_tree();

  node_ptr make(unsigned mode, duration now);
  void sync();
  /// Gives the number of pages that are left.
  std::uint64_t crash(const crash_decisions& random);

  node_ptr root;
  node_ptr working_directory;
  name_journal journal;

 private:
  template <class Visit>
  void for_each(Visit visit);
  std::uint64_t count_again();
  void forget_gone();

  std::uint64_t next_number_ = 1;
  std::size_t look_through_at_ = 64;
  std::map<std::uint64_t, std::weak_ptr<file_node>> nodes_;  ///< by number: the same order in every run
};

}  // namespace ringmill::sim::detail
