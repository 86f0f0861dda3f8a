// Names: directories, links, renames, and what is in the way (path_resolution(7)).
#include <fcntl.h>
#include <sys/stat.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("directory: it is made once") {
  conforms(
      [](scene& here) -> rm::task<> {
        const std::string path = here.path("inner");
        co_await here.run(make_directory(path));
        co_await here.run(make_directory(path));
        co_await here.run(status(path));
      },
      {"mkdir: 0", "mkdir: EEXIST", "status: 0 directory"});
}

TEST_CASE("directory: it is removed when it is empty") {
  conforms(
      [](scene& here) -> rm::task<> {
        const std::string directory = here.path("inner");
        co_await here.run(make_directory(directory));
        co_await here.file("inner/file", "");
        co_await here.run(unlink(directory, AT_REMOVEDIR));
        co_await here.run(unlink(here.path("inner/file")));
        co_await here.run(unlink(directory, AT_REMOVEDIR));
        co_await here.run(unlink(directory, AT_REMOVEDIR));
      },
      {"mkdir: 0", "unlink: ENOTEMPTY", "unlink: 0", "unlink: 0", "unlink: ENOENT"});
}

TEST_CASE("directory: files and directories are removed each in their way") {
  conforms(
      [](scene& here) -> rm::task<> {
        const std::string directory = here.path("inner");
        co_await here.run(make_directory(directory));
        co_await here.run(unlink(directory));
        co_await here.file("file", "");
        co_await here.run(unlink(here.path("file"), AT_REMOVEDIR));
      },
      {"mkdir: 0", "unlink: EISDIR", "unlink: ENOTDIR"});
}

TEST_CASE("directory: it can be opened for reading only, and is not read as a file") {
  conforms(
      [](scene& here) -> rm::task<> {
        const std::string directory = here.path("inner");
        co_await here.run(make_directory(directory));
        co_await here.run(open(directory, O_RDWR));
        const int opened = co_await here.run(open(directory, O_RDONLY | O_DIRECTORY));
        co_await here.run(read(opened, 16, 0));
        co_await here.file("file", "");
        co_await here.run(open(here.path("file"), O_RDONLY | O_DIRECTORY));
      },
      {"mkdir: 0", "open: EISDIR", "open: a descriptor", "read: EISDIR", "open: ENOTDIR"});
}

TEST_CASE("directory: a path leads through directories only, which have to be there") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.file("file", "");
        co_await here.run(open(here.path("file/inner"), O_RDONLY));
        co_await here.run(open(here.path("missing/inner"), O_RDONLY | O_CREAT));
        co_await here.run(make_directory(here.path("missing/inner")));
        co_await here.run(status(here.path("missing")));
        co_await here.run(open("", O_RDONLY));
        co_await here.run(unlink(here.path("missing")));
      },
      {"open: ENOTDIR", "open: ENOENT", "mkdir: ENOENT", "status: ENOENT", "open: ENOENT", "unlink: ENOENT"});
}

TEST_CASE("directory: a name has 255 bytes at most") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.run(open(here.path(std::string(256, 'n')), O_RDWR | O_CREAT));
        co_await here.run(open(here.path(std::string(255, 'n')), O_RDWR | O_CREAT));
      },
      {"open: ENAMETOOLONG", "open: a descriptor"});
}

TEST_CASE("rename: it takes the place of what was there") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.file("new", "new text");
        const int old = co_await here.file("old", "old");
        co_await here.run(rename(here.path("new"), here.path("old")));
        co_await here.run(open(here.path("new"), O_RDONLY));
        const int now = co_await here.run(open(here.path("old"), O_RDONLY));
        co_await here.run(read(now, 16, 0));
        co_await here.run(read(old, 16, 0));
        co_await here.run(status(old));
      },
      {"rename: 0", "open: ENOENT", "open: a descriptor", "read: 8 \"new text\"", "read: 3 \"old\"",
       "status: 0 file of 3 bytes, 0 links"});
}

TEST_CASE("rename: RENAME_NOREPLACE leaves what is there") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.file("one", "one");
        co_await here.file("other", "other");
        constexpr unsigned no_replace = 1;  // RENAME_NOREPLACE
        co_await here.run(rename(here.path("one"), here.path("other"), no_replace));
        co_await here.run(rename(here.path("one"), here.path("third"), no_replace));
        co_await here.run(status(here.path("third")));
      },
      {"rename: EEXIST", "rename: 0", "status: 0 file of 3 bytes, 1 links"});
}

TEST_CASE("rename: files and directories do not replace each other") {
  conforms(
      [](scene& here) -> rm::task<> {
        const std::string directory = here.path("inner");
        co_await here.run(make_directory(directory));
        co_await here.file("file", "");
        co_await here.run(rename(here.path("file"), directory));
        co_await here.run(rename(directory, here.path("file")));
        co_await here.run(rename(here.path("missing"), here.path("file")));
      },
      {"mkdir: 0", "rename: EISDIR", "rename: ENOTDIR", "rename: ENOENT"});
}

TEST_CASE("rename: a directory takes the place of an empty one, and not of a full one") {
  conforms(
      [](scene& here) -> rm::task<> {
        const std::string one = here.path("one");
        const std::string other = here.path("other");
        co_await here.run(make_directory(one));
        co_await here.run(make_directory(other));
        co_await here.file("other/file", "");
        co_await here.run(rename(one, other));
        co_await here.run(rename(other, one));
        co_await here.run(status(here.path("one/file")));
      },
      {"mkdir: 0", "mkdir: 0", "rename: ENOTEMPTY", "rename: 0", "status: 0 file of 0 bytes, 1 links"});
}

TEST_CASE("rename: a directory does not go into itself") {
  conforms(
      [](scene& here) -> rm::task<> {
        const std::string directory = here.path("inner");
        co_await here.run(make_directory(directory));
        co_await here.run(rename(directory, here.path("inner/deeper")));
      },
      {"mkdir: 0", "rename: EINVAL"});
}

TEST_CASE("link: two names of one file") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("one", "text");
        co_await here.run(link(here.path("one"), here.path("other")));
        co_await here.run(status(file));
        co_await here.run(unlink(here.path("one")));
        co_await here.run(status(here.path("other")));
        co_await here.run(write(file, "TEXT", 0));
        const int other = co_await here.run(open(here.path("other"), O_RDONLY));
        co_await here.run(read(other, 16, 0));
      },
      {"link: 0", "status: 0 file of 4 bytes, 2 links", "unlink: 0", "status: 0 file of 4 bytes, 1 links", "write: 4",
       "open: a descriptor", "read: 4 \"TEXT\""});
}

TEST_CASE("link: a name that is taken stays, what is missing has no second one, and a directory neither") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.file("one", "");
        co_await here.file("other", "");
        co_await here.run(link(here.path("one"), here.path("other")));
        co_await here.run(link(here.path("missing"), here.path("third")));
        co_await here.run(make_directory(here.path("inner")));
        co_await here.run(link(here.path("inner"), here.path("third")));
      },
      {"link: EEXIST", "link: ENOENT", "mkdir: 0", "link: EPERM"});
}

TEST_CASE("rename: of a file to another name of its own does nothing") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("one", "text");
        co_await here.run(link(here.path("one"), here.path("other")));
        co_await here.run(rename(here.path("one"), here.path("other")));
        co_await here.run(status(file));
      },
      {"link: 0", "rename: 0", "status: 0 file of 4 bytes, 2 links"});
}

TEST_CASE("symlink: it is followed, unless asked not to be") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.file("file", "text");
        const std::string path = here.path("symlink");
        co_await here.run(symlink("file", path));
        co_await here.run(status(path));
        co_await here.run(status(path, AT_SYMLINK_NOFOLLOW));
        const int opened = co_await here.run(open(path, O_RDONLY));
        co_await here.run(read(opened, 16, 0));
        co_await here.run(open(path, O_RDONLY | O_NOFOLLOW));
      },
      {"symlink: 0", "status: 0 file of 4 bytes, 1 links", "status: 0 link of 4 bytes, 1 links", "open: a descriptor",
       "read: 4 \"text\"", "open: ELOOP"});
}

TEST_CASE("symlink: one that leads nowhere is not there for who follows it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const std::string path = here.path("symlink");
        co_await here.run(symlink("missing", path));
        co_await here.run(open(path, O_RDONLY));
        co_await here.run(open(path, O_RDWR | O_CREAT | O_EXCL));
        co_await here.run(symlink("other", path));
        co_await here.run(unlink(path));
        co_await here.run(unlink(path));
      },
      {"symlink: 0", "open: ENOENT", "open: EEXIST", "symlink: EEXIST", "unlink: 0", "unlink: ENOENT"});
}

TEST_CASE("symlink: a circle is found out") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.run(symlink("other", here.path("one")));
        co_await here.run(symlink("one", here.path("other")));
        co_await here.run(open(here.path("one"), O_RDONLY));
        co_await here.run(status(here.path("other")));
      },
      {"symlink: 0", "symlink: 0", "open: ELOOP", "status: ELOOP"});
}

TEST_CASE("symlink: to a directory it is a part of paths") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.run(make_directory(here.path("inner")));
        co_await here.file("inner/file", "text");
        co_await here.run(symlink("inner", here.path("symlink")));
        co_await here.run(status(here.path("symlink/file")));
        co_await here.run(unlink(here.path("symlink"), AT_REMOVEDIR));
      },
      {"mkdir: 0", "symlink: 0", "status: 0 file of 4 bytes, 1 links", "unlink: ENOTDIR"});
}

TEST_CASE("status: of a pipe, a socket and what is no descriptor") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.run(status(ends.reader));
        const pair both = here.unix_pair();
        co_await here.run(status(both.left));
        co_await here.run(status(-1));
      },
      {"status: 0 pipe of 0 bytes, 1 links", "status: 0 socket of 0 bytes, 1 links", "status: EBADF"});
}

}  // namespace conformance
