// Files, their names, and what happens to them. Most of it ends at once: on tmpfs even a sync does.
#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/io/file.hpp>
#include <ringmill/io/file_ops.hpp>
#include <ringmill/io/file_system.hpp>
#include <ringmill/io/file_watch.hpp>
#include <ringmill/io/splice.hpp>

#include "../support/scratch.hpp"
#include "../support/sockets.hpp"
#include "cancel_subjects.hpp"

namespace support {

namespace {

namespace rm = ringmill;

constexpr std::string_view block_of_text = "sixteen letters.";

/// Open for reading and writing, with something in it.
rm::file file_at(const std::string& path) {
  make_file(path, std::string(block_of_text));
  return rm::file(rm::fd(checked(plain::open(path), "open")));
}

class open_file {
 public:
  scratch directory;
  rm::file file = file_at(directory / "file");
};

void close(open_file& here) { here.file.handle().reset(); }

class two_files {
 public:
  scratch directory;
  rm::file from = file_at(directory / "from");
  rm::file to = file_at(directory / "to");
};

/// A name, and one that nothing has yet.
class named_file {
 public:
  named_file() { make_file(file, std::string(block_of_text)); }
  scratch directory;
  std::string file = directory / "file";
  std::string fresh = directory / "fresh";
};

class named_folder {
 public:
  named_folder() { checked(plain::make_directory(folder), "mkdir"); }
  scratch directory;
  std::string folder = directory / "folder";
};

class empty_folder {
 public:
  scratch directory;
  std::string fresh = directory / "fresh";
};

/// One that is made under another name first, which must be gone however that ends.
class atomic_file {
 public:
  ~atomic_file() {
    for (const std::string& name : plain::names_in(directory.path())) CHECK(name == "file");
  }
  scratch directory;
  std::string path = directory / "file";
};

/// One that is made and removed again, whatever happens.
class nothing_left {
 public:
  ~nothing_left() { CHECK(plain::names_in(directory.path()).empty()); }
  scratch directory;
};

class watched_directory {
 public:
  watched_directory() { watch.add(directory.path(), rm::file_change::created); }
  scratch directory;
  rm::file_watch watch = rm::file_watch::create();
};

// What the operations on an open file are.

rm::task<> read_some(open_file& here) {
  std::array<std::byte, 16> buffer;
  co_await here.file.read_some(buffer);
}
rm::task<> read_two_parts(open_file& here) {
  std::array<std::byte, 8> first;
  std::array<std::byte, 8> second;
  const std::vector<std::span<std::byte>> parts = {first, second};
  co_await here.file.read_vectored_at(parts, 0);
}
rm::task<> write_two_parts(open_file& here) {
  const std::array<std::byte, 8> first{};
  const std::array<std::byte, 8> second{};
  const std::vector<std::span<const std::byte>> parts = {first, second};
  co_await here.file.write_all_vectored_at(parts, 0);
}

io_subject_list open_file_subjects() {
  return {
      ending<open_file>("read_some", &read_some, &close),
      ending<open_file>("read_vectored", &read_two_parts, &close),
      ending<open_file>(
          "write_all", [](open_file& here) -> rm::task<> { co_await here.file.write_all(block_of_text); }, &close),
      ending<open_file>("write_all_vectored", &write_two_parts, &close),
      ending<open_file>(
          "sync", [](open_file& here) -> rm::task<> { co_await here.file.sync(); }, &close),
      ending<open_file>(
          "sync_data", [](open_file& here) -> rm::task<> { co_await here.file.sync_data(); }, &close),
      ending<open_file>(
          "status of a file", [](open_file& here) -> rm::task<> { co_await here.file.status(); }, &close),
      ending<open_file>(
          "size", [](open_file& here) -> rm::task<> { co_await here.file.size(); }, &close),
      ending<open_file>(
          "truncate", [](open_file& here) -> rm::task<> { co_await here.file.truncate(3); }, &close),
      ending<open_file>(
          "preallocate", [](open_file& here) -> rm::task<> { co_await here.file.preallocate(0, 4096); }, &close),
      ending<open_file>(
          "close", [](open_file& here) -> rm::task<> { co_await here.file.close(); }, &close),
      ending<two_files>("copy_file", [](two_files& here) -> rm::task<> { co_await rm::copy_file(here.from, here.to); }),
  };
}

io_subject_list name_subjects() {
  return {
      ending<named_file>(
          "file::open",
          [](named_file& here) -> rm::task<> { const rm::file opened = co_await rm::file::open(here.file); }),
      ending<named_folder>("directory::open",
                           [](named_folder& here) -> rm::task<> {
                             rm::directory opened = co_await rm::directory::open(here.folder);
                             opened.read_some();
                           }),
      ending<named_folder>(
          "list_directory",
          [](named_folder& here) -> rm::task<> { co_await rm::list_directory(here.directory.path()); }),
      ending<named_file>("status", [](named_file& here) -> rm::task<> { co_await rm::status(here.file); }),
      ending<named_file>("symlink_status",
                         [](named_file& here) -> rm::task<> { co_await rm::symlink_status(here.file); }),
      ending<named_file>("rename", [](named_file& here) -> rm::task<> { co_await rm::rename(here.file, here.fresh); }),
      ending<named_file>("remove_file", [](named_file& here) -> rm::task<> { co_await rm::remove_file(here.file); }),
      ending<empty_folder>("create_directory",
                           [](empty_folder& here) -> rm::task<> { co_await rm::create_directory(here.fresh); }),
      ending<named_folder>("remove_directory",
                           [](named_folder& here) -> rm::task<> { co_await rm::remove_directory(here.folder); }),
      ending<empty_folder>("create_symlink",
                           [](empty_folder& here) -> rm::task<> { co_await rm::create_symlink("file", here.fresh); }),
      ending<named_file>("create_hard_link",
                         [](named_file& here) -> rm::task<> { co_await rm::create_hard_link(here.file, here.fresh); }),
      ending<empty_folder>(
          "sync_directory",
          [](empty_folder& here) -> rm::task<> { co_await rm::sync_directory(here.directory.path()); }),
      ending<named_file>("read_file", [](named_file& here) -> rm::task<> { co_await rm::read_file(here.file); }),
      ending<atomic_file>("write_file_atomically",
                          [](atomic_file& here) -> rm::task<> {
                            co_await rm::write_file_atomically(here.path, std::string(block_of_text));
                          }),
      ending<nothing_left>("create_temporary_file",
                           [](nothing_left& here) -> rm::task<> {
                             const rm::file made = co_await rm::create_temporary_file(here.directory.path());
                           }),
      ending<nothing_left>("temporary_directory::create",
                           [](nothing_left& here) -> rm::task<> {
                             const std::string parent = here.directory.path();
                             const rm::temporary_directory made =
                                 co_await rm::temporary_directory::create("ringmill-", parent);
                           }),
  };
}

}  // namespace

io_subject_list file_subjects() {
  io_subject_list all = open_file_subjects();
  for (io_subject_maker& one : name_subjects()) all.push_back(std::move(one));
  all.push_back(waiting<watched_directory>(
      "file_watch::next", [](watched_directory& here) -> rm::task<> { co_await here.watch.next(); },
      [](watched_directory& here) { make_file(here.directory / "file", ""); },
      [](watched_directory& here) { here.watch.close(); }));
  return all;
}

}  // namespace support
