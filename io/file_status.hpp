// What the kernel knows about a file: its kind, size, times, and which file it is.
#pragma once

#include <cstdint>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/chrono.hpp>

struct statx;

namespace ringmill {

enum class file_kind : std::uint8_t {
  unknown,  ///< a directory listing of a file system that does not say
  regular,
  directory,
  symlink,
  fifo,
  socket,
  character_device,
  block_device,
};

/// "regular file", "directory"...
RINGMILL_API const char* to_string(file_kind kind) noexcept;

namespace detail {
/// By the S_IFMT bits of a mode.
file_kind kind_of_mode(unsigned mode) noexcept;
}  // namespace detail

/// The answer of statx(2), as a value.
class RINGMILL_API file_status {
 public:
  using time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

  file_status() noexcept {}
  explicit file_status(const struct ::statx& raw) noexcept;

  file_kind kind() const noexcept { return kind_; }
  bool is_regular() const noexcept { return kind_ == file_kind::regular; }
  bool is_directory() const noexcept { return kind_ == file_kind::directory; }
  bool is_symlink() const noexcept { return kind_ == file_kind::symlink; }

  std::uint64_t size() const noexcept { return size_; }            ///< bytes; of a symlink, those of its target's name
  std::uint64_t allocated() const noexcept { return allocated_; }  ///< bytes that it takes up on the device
  unsigned mode() const noexcept { return mode_; }  ///< the permissions: the lowest twelve bits, as chmod's
  std::uint32_t owner() const noexcept { return owner_; }
  std::uint32_t group() const noexcept { return group_; }
  std::uint32_t links() const noexcept { return links_; }

  /// When its contents were changed last; when they were read (which most mounts note only now and then); when anything
  /// about it was changed, its permissions or name included.
  time modified() const noexcept { return modified_; }
  time accessed() const noexcept { return accessed_; }
  time changed() const noexcept { return changed_; }

  std::uint64_t inode() const noexcept { return inode_; }
  std::uint64_t device() const noexcept { return device_; }
  /// Do both speak of the same file, whatever its names? Inodes are given out again when a file is gone.
  bool is_same_file(const file_status& other) const noexcept {
    return inode_ == other.inode_ && device_ == other.device_;
  }

 private:
  file_kind kind_ = file_kind::unknown;
  unsigned mode_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t allocated_ = 0;
  std::uint32_t owner_ = 0;
  std::uint32_t group_ = 0;
  std::uint32_t links_ = 0;
  time modified_;
  time accessed_;
  time changed_;
  std::uint64_t inode_ = 0;
  std::uint64_t device_ = 0;
};

}  // namespace ringmill
