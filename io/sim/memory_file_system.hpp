// A file system in memory, which forgets at a crash what was not synced: for the simulated kernel.
//
//   rm::sim::memory_file_system disk([&] { return virtual_time(); });
//   rm::sim::memory_file_system::open_ptr log;
//   disk.open("/log", O_CREAT | O_WRONLY | O_APPEND, 0644, log);
//   log->write(bytes, -1);
//   log->sync(true);                        // else a crash loses the bytes, or a part of them
//   disk.crash([&] { return random(); });   // and the name, too: its directory was not synced
//
// It answers as the system calls do: zero or more, or a negated errno; tests/sim/memory_file_system_test.cpp compares
// it with Linux. Whoever asks is root: permissions are kept, and not enforced. Deliberately not here: descriptors and
// their number, pipes, what a device or a socket does (a name is all that they have here), locks, mounts. The
// same calls give the same answers in every run and on every machine: nothing depends on addresses, hashes or real
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/detail/shared_ptr.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/driver.hpp>

struct statx;

namespace ringmill::sim {

namespace detail {
class file_node;
class file_place;
class file_tree;
class file_watches;
class found_path;
enum class last_link : std::uint8_t;
using node_ptr = std::shared_ptr<file_node>;
}  // namespace detail

/// What the disk is about to do, for those who make it fail.
enum class disk_access : std::uint8_t { read, write, sync, change_of_names };

class open_file;

/// A path, and where it starts if it is relative: at an open directory, or the working directory.
class path_from {
 public:
  path_from(const char* text, const open_file* directory = nullptr) : path(text), start(directory) {}
  path_from(std::string_view text, const open_file* directory = nullptr) : path(text), start(directory) {}
  path_from(const std::string& text, const open_file* directory = nullptr) : path(text), start(directory) {}
  std::string_view path;
  const open_file* start;
};

/// One tree, which has a root directory and nothing else at first.
class RINGMILL_API memory_file_system {
 public:
  using open_ptr = std::shared_ptr<open_file>;
  using clock = std::function<duration()>;         ///< the time since 1970
  using faults = std::function<int(disk_access)>;  ///< 0, or an errno for the disk to fail with

  explicit memory_file_system(clock now);
  memory_file_system(const memory_file_system&) = delete;
  memory_file_system& operator=(const memory_file_system&) = delete;
  ~memory_file_system();

  /// Room for the contents of files, in bytes: no limit at first. When there is no more: ENOSPC, after what still fits.
  void set_capacity(std::uint64_t bytes) noexcept;
  /// Bytes of room that are taken, in whole pages of 4096.
  std::uint64_t used() const noexcept;
  void set_faults(faults decide) { faults_ = std::move(decide); }
  /// What is taken from the permissions of what is made; 022 at first.
  void set_umask(unsigned mask) noexcept { umask_ = mask & 0777; }

  // As the system call of the same name, or nearly so, with its flags.

  /// open(2). Known: the access modes, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_TMPFILE, O_PATH.
  int open(path_from where, int flags, unsigned mode, open_ptr& opened);
  int status(path_from where, int flags, struct ::statx& found);  ///< AT_SYMLINK_NOFOLLOW
  int make_directory(path_from where, unsigned mode);
  /// mknod(2): a socket, a fifo or a device, or a regular file; the kind is in `mode`.
  int make_node(path_from where, unsigned mode);
  int make_symlink(std::string_view target, path_from where);
  int read_link(path_from where, std::span<char> target);
  int link(path_from existing, path_from added);             ///< a symbolic link itself, as linkat(2) without flags
  int unlink(path_from where, int flags);                    ///< AT_REMOVEDIR
  int rename(path_from from, path_from to, unsigned flags);  ///< RENAME_NOREPLACE, RENAME_EXCHANGE
  int set_mode(path_from where, unsigned mode);
  int change_working_directory(path_from where);

  /// Everything is on the disk, as after sync(2).
  void sync_all();

  /// The machine stops, and starts again: of what was not synced some is there and some is not, as `random` decides.
  /// A page may be torn between two sectors. Whoever has files open has them no longer: let go of them before.
  void crash(const std::function<std::uint64_t()>& random);

 private:
  friend class detail::file_watches;
  friend class open_file;
  using node_ptr = detail::node_ptr;

  int fault(disk_access what) const { return faults_ ? -faults_(what) : 0; }
  int walk(path_from where, detail::last_link last, detail::found_path& found) const;
  int find(path_from where, detail::last_link last, detail::found_path& at) const;
  int find(path_from where, detail::last_link last, node_ptr& found) const;
  int find_or_make(path_from where, int flags, unsigned mode, detail::found_path& found, bool& is_new);
  int find_place(path_from where, bool for_directory, detail::found_path& found) const;
  int open_unnamed(path_from where, int flags, unsigned mode, open_ptr& opened);
  int remove_file(const detail::found_path& found);
  int remove_directory(const detail::found_path& found);
  node_ptr make(unsigned mode);
  void add_name(const detail::found_path& where, const node_ptr& node);
  void remove_name(const detail::found_path& where);
  void replace(const detail::found_path& from, const detail::found_path& to);
  void exchange(const detail::found_path& from, const detail::found_path& to);
  static void moved(const node_ptr& node, const detail::found_path& from, const detail::found_path& to);
  void cut_to_nothing(detail::file_node& node);
  void touch(detail::file_node& node) const;
  void change_mode(detail::file_node& node, const detail::file_place& opened_by, unsigned mode) const;
  void release(detail::file_node& node);

  // What watchers hear of, in the order in which Linux tells it.
  int find_watched(path_from where, bool follows, std::uint64_t& file, bool& is_directory) const;
  detail::file_place place_of(const detail::found_path& found) const;
  void tell(const detail::file_node& about, std::uint32_t what, std::string_view name = {},
            std::uint32_t cookie = 0) const;
  void tell_in(const detail::file_node& directory, const std::string& name, const detail::file_node& node,
               std::uint32_t what, std::uint32_t cookie = 0) const;
  void tell_of(const detail::file_node& node, const detail::file_place& opened_by, std::uint32_t what) const;
  void tell_of_move(const detail::found_path& from, const detail::found_path& to, const detail::file_node* replaced);
  void tell_if_gone(const detail::file_node& node, const detail::file_place& name) const;

  clock clock_;
  faults faults_;
  unsigned umask_ = 022;
  std::uint64_t capacity_ = UINT64_MAX;  ///< in pages
  std::uint64_t used_ = 0;               ///< in pages
  std::uint32_t last_cookie_ = 0;        ///< of a rename, for those who watch
  std::vector<detail::file_watches*> watches_;
  std::unique_ptr<detail::file_tree> tree_;
};

/// An open file description (open(2)): a file, how it may be used, and a position, which all duplicates of a descriptor
/// share. Must not outlive its file system.
class RINGMILL_API open_file {
 public:
  /// `place`: the name that it is opened by; null: nobody hears of it.
  open_file(memory_file_system& owner, detail::node_ptr node, int flags,
            std::unique_ptr<detail::file_place> place = nullptr);
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file();

  int flags() const noexcept { return flags_; }
  /// The kind and the permissions, as in stat(2).
  unsigned mode() const noexcept;
  std::uint64_t inode() const noexcept;

  // At `offset`, or at the file's own position, which moves on then, if that is -1.

  std::int64_t read(std::span<std::byte> to, std::int64_t offset);
  std::int64_t write(std::span<const std::byte> from, std::int64_t offset);

  int truncate(std::int64_t size);
  /// fallocate(2); `mode` is 0 or FALLOC_FL_KEEP_SIZE.
  int allocate(int mode, std::int64_t offset, std::int64_t length);
  /// fsync(2), or fdatasync(2). Of a directory: the names in it. When the disk fails, what was to be written stays
  /// readable, and is not written by a later sync that succeeds: so it is on Linux.
  int sync(bool data_only);
  int status(struct ::statx& found) const;
  int set_mode(unsigned mode);
  /// getdents64(2): as many entries as fit, each a dirent64, in the order of their names; 0 at the end.
  int read_directory(std::span<std::byte> entries);

 private:
  friend class memory_file_system;
  bool can_read() const noexcept;
  bool can_write() const noexcept;
  bool is_path_only() const noexcept;
  void tell(std::uint32_t what) const;

  memory_file_system& owner_;
  detail::node_ptr node_;
  int flags_;
  std::unique_ptr<detail::file_place> place_;
  std::int64_t position_ = 0;
  int dots_listed_ = 0;      ///< of "." and ".."
  std::string last_listed_;  ///< empty: no name yet
};

}  // namespace ringmill::sim
