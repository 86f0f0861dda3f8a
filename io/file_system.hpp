// Names of files: their status, renaming, removing, links, directories, temporary ones.
//
//   co_await rm::create_directory("spool");
//   co_await rm::rename("spool/new", "spool/ready", rm::replacing::no);
//   for (const rm::directory_entry& entry : co_await rm::list_directory("spool")) use(entry.name());
//
// Relative paths start at the working directory. Errors are std::system_error and name the paths; a zero byte in a path
// is std::invalid_argument, thrown by the call itself. An operation that is cancelled may have been done all the same.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/io/file.hpp>
#include <ringmill/io/file_ops.hpp>
#include <ringmill/io/file_status.hpp>
#include <ringmill/io/io_op.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

/// May a rename replace what has the new name?
enum class replacing : std::uint8_t { yes, no };

/// One change of a name, or two; made by the functions below.
class [[nodiscard]] RINGMILL_API path_op : public io_op {
 public:
  enum class change : std::uint8_t {
    rename,
    remove_file,
    create_directory,
    remove_directory,
    create_symlink,
    create_link
  };
  path_op(change what, std::string path, std::string second = std::string(), unsigned argument = 0);
  void await_resume() const;

 private:
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(task_writer& out) const override;
  std::string text() const;
  change what_;
  unsigned argument_;  ///< permissions, or flags
  std::string path_;
  std::string second_;
};

/// co_await it: what statx(2) says of what `path` names; `symlink_status`: of a symbolic link itself, if it is one.
RINGMILL_API status_op status(std::string path);
RINGMILL_API status_op symlink_status(std::string path);

/// co_await it: `from` is called `to` afterwards, and never is there a moment without one at `to`, if there was one
/// (renameat2(2)). With `replacing::no` it fails with std::errc::file_exists if there is one.
RINGMILL_API path_op rename(std::string from, std::string to, replacing existing = replacing::yes);

/// co_await it: the name is gone; the file with its last name, when nobody has it open any more (unlink(2)).
RINGMILL_API path_op remove_file(std::string path);

/// co_await it: makes one directory, whose parent exists, with the permissions `mode` less the umask (mkdir(2)).
RINGMILL_API path_op create_directory(std::string path, unsigned mode = 0777);

/// co_await it: removes an empty directory (rmdir(2)).
RINGMILL_API path_op remove_directory(std::string path);

/// co_await it: `link` is a symbolic link to `target` afterwards, which is a mere text (symlink(2)).
RINGMILL_API path_op create_symlink(std::string target, std::string link);

/// co_await it: `link` is one more name of the file `existing`, on the same file system (link(2)). A symbolic link is
/// not followed.
RINGMILL_API path_op create_hard_link(std::string existing, std::string link);

/// One name in a directory. Its kind is `file_kind::unknown` where the file system does not note it: ask `status` then.
class directory_entry {
 public:
  directory_entry(std::string name, file_kind kind, std::uint64_t inode) noexcept
      : name_(std::move(name)), kind_(kind), inode_(inode) {}
  const std::string& name() const noexcept { return name_; }
  file_kind kind() const noexcept { return kind_; }
  std::uint64_t inode() const noexcept { return inode_; }

 private:
  std::string name_;
  file_kind kind_;
  std::uint64_t inode_;
};

/// An open directory, to be read from its beginning to its end. Move-only.
class RINGMILL_API directory {
 public:
  class [[nodiscard]] open_awaiter;

  directory() noexcept = default;
  /// Takes an open descriptor over.
  explicit directory(fd opened) noexcept : fd_(std::move(opened)) {}

  /// co_await it: gives the open directory. std::errc::not_a_directory for something else.
  static open_awaiter open(std::string path);

  /// The next names, "." and ".." not among them, in no order; none at the end. Does not suspend, as the kernel has no
  /// operation for it: blocks the loop for a getdents64(2) of 32 KiB, about a thousand names. What is added or removed
  /// meanwhile may be among them or not.
  std::vector<directory_entry> read_some();

  /// Closes it, as its destructor does. Does not suspend.
  void close() noexcept { fd_.reset(); }
  int native_handle() const noexcept { return fd_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  /// The handle, for operations of one's own.
  fd& handle() noexcept { return fd_; }

 private:
  directory(fd opened, std::string path) noexcept : fd_(std::move(opened)), path_(std::move(path)) {}
  fd fd_;
  std::string path_;  ///< for errors; empty: it was taken over
};

class RINGMILL_API directory::open_awaiter : public open_op {
 public:
  explicit open_awaiter(std::string path);
  directory await_resume() { return directory(open_op::await_resume(), std::move(path_)); }

 private:
  std::string path_;
};

/// co_await it: all names in a directory, as `directory::read_some` gives them; other tasks run between its calls.
RINGMILL_API task<std::vector<directory_entry>> list_directory(std::string path);

/// co_await it: a new file without a name, to read and write, which is gone when it is closed. `directory` says on
/// which file system; by default it is that of $TMPDIR, or /tmp. Made with O_TMPFILE, or with a name that is removed at
/// once where the file system does not know that.
RINGMILL_API task<file> create_temporary_file(std::string directory = std::string());

/// A directory that is removed with all that is in it when this dies. Move-only.
class RINGMILL_API temporary_directory {
 public:
  /// co_await it: a new one, for this user only, in `parent`, by default $TMPDIR or /tmp. Its name begins with
  /// `prefix`.
  static task<temporary_directory> create(std::string prefix = "ringmill-", std::string parent = std::string());

  temporary_directory(temporary_directory&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  temporary_directory& operator=(temporary_directory&& other) noexcept;
  /// Does not suspend: blocks the loop while it is removed. What cannot be removed is left, and logged.
  ~temporary_directory();

  const std::string& path() const noexcept { return path_; }
  /// Leaves it there, and gives its path.
  std::string keep() noexcept { return std::exchange(path_, std::string()); }

 private:
  explicit temporary_directory(std::string path) noexcept : path_(std::move(path)) {}
  void remove() noexcept;
  std::string path_;
};

}  // namespace ringmill
