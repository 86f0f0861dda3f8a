// The name that a file was opened by: who watches the directory hears of what is done with the open file.
#pragma once

#include <string>
#include <utility>

#include <ringmill/io/sim/detail/file_node.hpp>

namespace ringmill::sim::detail {

class file_place {
 public:
  file_place() noexcept {}
  file_place(node_ptr in, std::string of) noexcept : directory(std::move(in)), name(std::move(of)) {}

  node_ptr directory;    ///< null: of the root
  std::string name;      ///< follows a rename
  bool is_gone = false;  ///< the name was removed since; watchers hear of the open file all the same

  bool is(const node_ptr& in, const std::string& of) const noexcept {
    return !is_gone && directory == in && name == of;
  }
};

}  // namespace ringmill::sim::detail
