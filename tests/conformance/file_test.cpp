// Reading and writing files (pread(2), pwrite(2), open(2), fallocate(2), statx(2)).
#include <fcntl.h>

#include <ringmill/io/detail/opcodes.hpp>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("file: reads at an offset, short ones before the end and none at it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "0123456789");
        co_await here.run(read(file, 4, 0));
        co_await here.run(read(file, 4, 8));
        co_await here.run(read(file, 4, 10));
        co_await here.run(read(file, 4, 1000));
      },
      {"read: 4 \"0123\"", "read: 2 \"89\"", "read: 0", "read: 0"});
}

TEST_CASE("file: a read of no bytes") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "text");
        co_await here.run(read(file, 0, 0));
        co_await here.run(write(file, "", 100));
        co_await here.run(status(file));
      },
      {"read: 0", "write: 0", "status: 0 file of 4 bytes, 1 links"});
}

TEST_CASE("file: its own position moves with reads and writes, and not with those at an offset") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "0123456789");
        co_await here.run(read(file, 2));
        co_await here.run(read(file, 2, 7));
        co_await here.run(read(file, 2));
        co_await here.run(write(file, "XX"));
        co_await here.run(read(file, 16));
        co_await here.run(read(file, 16, 0));
      },
      {"read: 2 \"01\"", "read: 2 \"78\"", "read: 2 \"23\"", "write: 2", "read: 4 \"6789\"",
       "read: 10 \"0123XX6789\""});
}

TEST_CASE("file: a write behind the end leaves a hole of zeros") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "ab");
        co_await here.run(write(file, "yz", 5));
        co_await here.run(read(file, 16, 0));
        co_await here.run(status(file));
      },
      {"write: 2", "read: 7 \"ab...yz\"", "status: 0 file of 7 bytes, 1 links"});
}

TEST_CASE("file: O_APPEND writes at the end, whatever the offset says") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "start", O_APPEND);
        co_await here.run(write(file, "+one", 0));
        co_await here.run(write(file, "+two"));
        co_await here.run(read(file, 32, 0));
      },
      {"write: 4", "write: 4", "read: 13 \"start+one+two\""});
}

TEST_CASE("file: two that append do not overwrite each other") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = co_await here.file("file", "", O_APPEND);
        const int other = co_await here.run(open(here.path("file"), O_WRONLY | O_APPEND));
        co_await here.run(write(one, "a", 0));
        co_await here.run(write(other, "b", 0));
        co_await here.run(write(one, "c", 0));
        co_await here.run(read(one, 16, 0));
      },
      {"open: a descriptor", "write: 1", "write: 1", "write: 1", "read: 3 \"abc\""});
}

TEST_CASE("file: vectors are written and read one after the other") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "");
        co_await here.run(write_vectored(file, "good ", "day", 0));
        co_await here.run(read_vectored(file, 3, 3, 1));
        co_await here.run(read_vectored(file, 6, 4, 0));
      },
      {"write: 8", "read: 6 \"ood\" \" da\"", "read: 8 \"good d\" \"ay..\""});
}

TEST_CASE("file: what is opened one way only goes one way only") {
  conforms(
      [](scene& here) -> rm::task<> {
        co_await here.file("file", "text");
        const int readable = co_await here.run(open(here.path("file"), O_RDONLY));
        const int writable = co_await here.run(open(here.path("file"), O_WRONLY));
        co_await here.run(write(readable, "x", 0));
        co_await here.run(read(writable, 4, 0));
      },
      {"open: a descriptor", "open: a descriptor", "write: EBADF", "read: EBADF"});
}

TEST_CASE("file: what is closed is no descriptor any more") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "text");
        here.close(file);
        co_await here.run(read(file, 4, 0));
        co_await here.run(write(-1, "x", 0));
        here.close(file);
      },
      {"close: 0", "read: EBADF", "write: EBADF", "close: EBADF"});
}

TEST_CASE("file: close as an operation") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.run(close(ends.writer));
        co_await here.run(read(ends.reader, 4));
        co_await here.run(close(ends.writer));
        co_await here.run(close(-1));
      },
      {"close: 0", "read: 0", "close: EBADF", "close: EBADF"});
}

TEST_CASE("file: O_CREAT makes one, O_EXCL insists on it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const std::string path = here.path("file");
        co_await here.run(open(path, O_RDWR));
        co_await here.run(open(path, O_RDWR | O_CREAT | O_EXCL));
        co_await here.run(open(path, O_RDWR | O_CREAT | O_EXCL));
        co_await here.run(open(path, O_RDWR | O_CREAT));
        co_await here.run(status(path));
      },
      {"open: ENOENT", "open: a descriptor", "open: EEXIST", "open: a descriptor",
       "status: 0 file of 0 bytes, 1 links"});
}

TEST_CASE("file: O_TRUNC empties it, for who has it open as well") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "0123456789");
        co_await here.run(read(file, 4));
        co_await here.run(open(here.path("file"), O_WRONLY | O_TRUNC));
        co_await here.run(read(file, 4));
        co_await here.run(status(file));
      },
      {"read: 4 \"0123\"", "open: a descriptor", "read: 0", "status: 0 file of 0 bytes, 1 links"});
}

TEST_CASE("file: each open has a position of its own, and they see each other's writes") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = co_await here.file("file", "abcdef");
        const int other = co_await here.run(open(here.path("file"), O_RDWR));
        co_await here.run(read(one, 3));
        co_await here.run(read(other, 2));
        co_await here.run(write(other, "XY"));
        co_await here.run(read(one, 3));
      },
      {"open: a descriptor", "read: 3 \"abc\"", "read: 2 \"ab\"", "write: 2", "read: 3 \"Yef\""});
}

TEST_CASE("file: a truncated one is shorter, or longer with zeros") {
  conforms(
      [](scene& here) -> rm::task<> {
        here.needs(rm::detail::opcode_ftruncate, "IORING_OP_FTRUNCATE (Linux 6.9)");
        const int file = co_await here.file("file", "0123456789");
        co_await here.run(truncate(file, 3));
        co_await here.run(read(file, 16, 0));
        co_await here.run(truncate(file, 5));
        co_await here.run(read(file, 16, 0));
        co_await here.run(truncate(file, -1));
      },
      {"ftruncate: 0", "read: 3 \"012\"", "ftruncate: 0", "read: 5 \"012..\"", "ftruncate: EINVAL"});
}

TEST_CASE("file: fallocate makes it longer, unless it is told to keep the size") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "ab");
        const int result = co_await here.run(allocate(file, FALLOC_FL_KEEP_SIZE, 0, 4096));
        if (result == -EOPNOTSUPP) scene::skip("the file system of the temporary directory has no fallocate");
        co_await here.run(status(file));
        co_await here.run(allocate(file, 0, 0, 4));
        co_await here.run(read(file, 16, 0));
        co_await here.run(allocate(file, 0, 0, 0));
      },
      {"fallocate: 0", "status: 0 file of 2 bytes, 1 links", "fallocate: 0", "read: 4 \"ab..\"", "fallocate: EINVAL"});
}

TEST_CASE("file: fsync of a file, and of a pipe") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "text");
        co_await here.run(synchronize(file));
        const pipe_ends ends = here.pipe();
        co_await here.run(synchronize(ends.reader));
        co_await here.run(synchronize(-1));
      },
      {"fsync: 0", "fsync: EINVAL", "fsync: EBADF"});
}

TEST_CASE("file: a removed one is there for who has it open") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "text");
        co_await here.run(unlink(here.path("file")));
        co_await here.run(open(here.path("file"), O_RDONLY));
        co_await here.run(read(file, 16, 0));
        co_await here.run(write(file, "still", 0));
        co_await here.run(status(file));
      },
      {"unlink: 0", "open: ENOENT", "read: 4 \"text\"", "write: 5", "status: 0 file of 5 bytes, 0 links"});
}

TEST_CASE("file: reads that are in flight at the same time do not disturb each other") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "0123456789");
        raw_op& first = here.start(read(file, 3, 0));
        raw_op& second = here.start(read(file, 3, 3));
        raw_op& third = here.start(read(file, 3, 6));
        co_await here.end_of(first);
        co_await here.end_of(second);
        co_await here.end_of(third);
      },
      {"read: 3 \"012\"", "read: 3 \"345\"", "read: 3 \"678\""});
}

TEST_CASE("file: it is no socket") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "text");
        co_await here.run(receive(file, 4));
        co_await here.run(send(file, "x"));
        here.listen(file, 4);
        here.get(file, SOL_SOCKET, SO_ERROR);
      },
      {"receive: ENOTSOCK", "send: ENOTSOCK", "listen: ENOTSOCK", "SO_ERROR: ENOTSOCK"});
}

TEST_CASE("file: a negative offset is refused") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "text");
        co_await here.run(read(file, 4, -2));
        co_await here.run(write(file, "x", -2));
      },
      {"read: EINVAL", "write: EINVAL"});
}

}  // namespace conformance
