// Directories without awaiting: their entries as the kernel gives them, and removing all that is in one.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include <ringmill/io/detail/calls.hpp>

namespace ringmill::detail {

/// One batch of entries, which does not hold "." and "..".
class entry_batch {
 public:
  /// The next ones, into the batch: a negated errno, or 0 at the end, or more.
  int read(int directory) { return size_ = files().read_directory(directory, bytes_, sizeof bytes_); }

  /// Calls visit(name, type, inode) of each; `type` is DT_REG and so on.
  template <class Visit>
  void for_each(Visit visit) const {
    std::uint16_t length = 0;
    for (int at = 0; at < size_; at += length) {
      const std::byte* const entry = bytes_ + at;
      std::memcpy(&length, entry + offsetof(dirent64, d_reclen), sizeof length);
      std::uint64_t inode = 0;
      std::memcpy(&inode, entry + offsetof(dirent64, d_ino), sizeof inode);
      const auto type = static_cast<unsigned char>(entry[offsetof(dirent64, d_type)]);
      const auto* const name = reinterpret_cast<const char*>(entry + offsetof(dirent64, d_name));
      if (std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0) visit(name, type, inode);
    }
  }

 private:
  alignas(dirent64) std::byte bytes_[32768];
  int size_ = 0;
};

/// Removes what is at `path`, and all that is in it if it is a directory; symbolic links are removed, not followed. It
/// goes on after an error: gives the first one as a negated errno, else 0, also if there was nothing.
int remove_tree(const std::string& path);

}  // namespace ringmill::detail
