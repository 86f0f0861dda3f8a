// The file that a bound Unix socket has: who makes it, who removes it, and when.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

/// Owns the file of a socket that was bound to `path`: removes it when it dies, if there still is the very file.
class RINGMILL_API socket_file {
 public:
  socket_file() noexcept = default;
  /// Remembers which file is there now.
  explicit socket_file(std::string path) noexcept;
  socket_file(socket_file&& other) noexcept { *this = std::move(other); }
  socket_file& operator=(socket_file&& other) noexcept {
    if (this != &other) {
      remove();
      path_ = std::exchange(other.path_, {});
      device_ = other.device_;
      inode_ = other.inode_;
    }
    return *this;
  }
  ~socket_file() { remove(); }

  void remove() noexcept;
  /// Leaves the file to others.
  void keep() noexcept { path_.clear(); }

  /// Removes the file of a socket of this type (SOCK_STREAM...) that nobody is behind: a connect is refused. Leaves
  /// everything else alone.
  static void remove_if_stale(const std::string& path, int type) noexcept;

 private:
  std::string path_;  ///< empty: none
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

}  // namespace ringmill::detail
