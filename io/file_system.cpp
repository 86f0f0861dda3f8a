#include <ringmill/io/file_system.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <liburing.h>

#include <cstdint>
#include <cstdio>
#include <new>
#include <system_error>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/detail/directory_tree.hpp>
#include <ringmill/io/detail/op_text.hpp>
#include <ringmill/io/detail/path_text.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/sleep.hpp>

namespace ringmill {

using change = path_op::change;

path_op::path_op(change what, std::string path, std::string second, unsigned argument)
    : what_(what), argument_(argument), path_(std::move(path)), second_(std::move(second)) {}

void path_op::prepare(io_uring_sqe& entry) noexcept {
  const char* const path = path_.c_str();
  const char* const second = second_.c_str();
  switch (what_) {
    case change::rename:
      return io_uring_prep_renameat(&entry, AT_FDCWD, path, AT_FDCWD, second, argument_);
    case change::remove_file:
      return io_uring_prep_unlinkat(&entry, AT_FDCWD, path, 0);
    case change::create_directory:
      return io_uring_prep_mkdirat(&entry, AT_FDCWD, path, argument_);
    case change::remove_directory:
      return io_uring_prep_unlinkat(&entry, AT_FDCWD, path, AT_REMOVEDIR);
    case change::create_symlink:
      return io_uring_prep_symlinkat(&entry, path, AT_FDCWD, second);
    case change::create_link:
      return io_uring_prep_linkat(&entry, AT_FDCWD, path, AT_FDCWD, second, 0);
  }
}

std::string path_op::text() const {
  switch (what_) {
    case change::rename:
      return "rename " + path_ + " to " + second_;
    case change::remove_file:
      return "remove file " + path_;
    case change::create_directory:
      return "create directory " + path_;
    case change::remove_directory:
      return "remove directory " + path_;
    case change::create_symlink:
      return "create symbolic link " + second_ + " to " + path_;
    case change::create_link:
      return "create link " + second_ + " to " + path_;
  }
  return path_;
}

void path_op::describe(task_writer& out) const { out.text(text()); }

void path_op::await_resume() const {
  if (result() < 0) throw std::system_error(-result(), std::generic_category(), text());
}

status_op status(std::string path) {
  return status_op(detail::checked_path("status", std::move(path)), status_op::symlinks::follow);
}

status_op symlink_status(std::string path) {
  return status_op(detail::checked_path("symlink_status", std::move(path)), status_op::symlinks::keep);
}

path_op rename(std::string from, std::string to, replacing existing) {
  return path_op(change::rename, detail::checked_path("rename", std::move(from)),
                 detail::checked_path("rename", std::move(to)), existing == replacing::no ? RENAME_NOREPLACE : 0);
}

path_op remove_file(std::string path) {
  return path_op(change::remove_file, detail::checked_path("remove_file", std::move(path)));
}

path_op create_directory(std::string path, unsigned mode) {
  return path_op(change::create_directory, detail::checked_path("create_directory", std::move(path)), "", mode);
}

path_op remove_directory(std::string path) {
  return path_op(change::remove_directory, detail::checked_path("remove_directory", std::move(path)));
}

path_op create_symlink(std::string target, std::string link) {
  return path_op(change::create_symlink, detail::checked_path("create_symlink", std::move(target)),
                 detail::checked_path("create_symlink", std::move(link)));
}

path_op create_hard_link(std::string existing, std::string link) {
  return path_op(change::create_link, detail::checked_path("create_hard_link", std::move(existing)),
                 detail::checked_path("create_hard_link", std::move(link)));
}

directory::open_awaiter::open_awaiter(std::string path)
    : open_op(detail::checked_path("directory::open", path), O_RDONLY | O_DIRECTORY, 0), path_(std::move(path)) {}

directory::open_awaiter directory::open(std::string path) { return open_awaiter(std::move(path)); }

std::vector<directory_entry> directory::read_some() {
  detail::entry_batch batch;
  std::vector<directory_entry> entries;
  while (entries.empty()) {  // again if it was "." and ".." only
    const int read = batch.read(fd_.number());
    if (read == 0) break;
    if (read < 0) {
      detail::or_throw(
          read, path_.empty() ? detail::on_descriptor("read directory", fd_.number()) : "read directory " + path_);
    }
    batch.for_each([&](const char* name, unsigned char type, std::uint64_t inode) {
      entries.emplace_back(name, detail::kind_of_mode(DTTOIF(type)), inode);
    });
  }
  return entries;
}

task<std::vector<directory_entry>> list_directory(std::string path) {
  std::vector<directory_entry> all;
  directory from = co_await directory::open(path);
  for (;;) {
    std::vector<directory_entry> some = from.read_some();
    if (some.empty()) break;
    all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
    co_await yield();
  }
  co_return all;
}

namespace {

/// As std::filesystem::temp_directory_path() finds it.
std::string or_temporary(std::string directory) {
  if (!directory.empty()) return directory;
  for (const char* const name : {"TMPDIR", "TMP", "TEMP", "TEMPDIR"}) {
    if (const char* const value = detail::processes().environment(name)) return value;
  }
  return "/tmp";
}

}  // namespace

task<file> create_temporary_file(std::string directory) {
  constexpr unsigned for_this_user = 0600;
  directory = detail::checked_path("create_temporary_file", or_temporary(std::move(directory)));
  try {
    open_op unnamed(directory, O_TMPFILE | O_RDWR, for_this_user);
    fd made = co_await std::move(unnamed);
    co_return file(std::move(made));
  } catch (const std::system_error& error) {
    // EISDIR is what a kernel says that takes O_TMPFILE for O_DIRECTORY.
    if (error.code() != std::errc::operation_not_supported && error.code() != std::errc::is_a_directory) throw;
  }
  const std::string name = directory + "/." + detail::random_name() + ".tmp";
  const file_options options = file_options::read_write().create_new().mode(for_this_user);
  file made = co_await file::open(name, options);
  detail::files().unlink(AT_FDCWD, name.c_str(), 0);  // not awaited: a cancel must not come in between
  co_return made;
}

task<temporary_directory> temporary_directory::create(std::string prefix, std::string parent) {
  constexpr unsigned for_this_user = 0700;
  const std::string path = or_temporary(std::move(parent)) + "/" + prefix + detail::random_name();
  co_await create_directory(path, for_this_user);
  co_return temporary_directory(path);
}

temporary_directory& temporary_directory::operator=(temporary_directory&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, std::string());
  }
  return *this;
}

temporary_directory::~temporary_directory() { remove(); }

void temporary_directory::remove() noexcept {
  if (path_.empty()) return;
  try {
    if (const int result = detail::remove_tree(path_); result < 0) {
      const std::string why = std::generic_category().message(-result);
      log(log_level::warning, "temporary directory " + path_ + " is not removed: " + why);
    }
  } catch (const std::bad_alloc&) {
    log(log_level::warning, "a temporary directory is not removed, at least in part: there is no memory");
  }
  path_.clear();
}

}  // namespace ringmill
