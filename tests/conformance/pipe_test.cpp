// Pipes (pipe(7)): the end, the broken one, the full one.
#include <fcntl.h>
#include <poll.h>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("pipe: bytes come out as they went in, and their bounds are not kept") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.run(write(ends.writer, "one"));
        co_await here.run(write(ends.writer, "two"));
        co_await here.run(read(ends.reader, 4));
        co_await here.run(read(ends.reader, 16));
      },
      {"write: 3", "write: 3", "read: 4 \"onet\"", "read: 2 \"wo\""});
}

TEST_CASE("pipe: a read waits for a write") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        raw_op& waiting = here.start(read(ends.reader, 16));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(write(ends.writer, "now"));
        co_await here.end_of(waiting);
      },
      {"read: pending", "write: 3", "read: 3 \"now\""});
}

TEST_CASE("pipe: when no writer is left there is the end, after what was written") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.run(write(ends.writer, "last"));
        here.close(ends.writer);
        co_await here.run(read(ends.reader, 16));
        co_await here.run(read(ends.reader, 16));
      },
      {"write: 4", "close: 0", "read: 4 \"last\"", "read: 0"});
}

TEST_CASE("pipe: the writer's close ends a read that waits") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        raw_op& waiting = here.start(read(ends.reader, 16));
        co_await here.settle();
        here.close(ends.writer);
        co_await here.end_of(waiting);
      },
      {"close: 0", "read: 0"});
}

TEST_CASE("pipe: a write that nobody can read is an error") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        here.close(ends.reader);
        co_await here.run(write(ends.writer, "hello"));
      },
      {"close: 0", "write: EPIPE"});
}

TEST_CASE("pipe: a full one makes a write wait until there is room for it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.fill_pipe(ends.writer);
        raw_op& waiting = here.start(write(ends.writer, "last"));
        co_await here.settle();
        here.tell_state(waiting);
        co_await here.run(read(ends.reader, 65536));
        co_await here.end_of(waiting);
        co_await here.run(read(ends.reader, 16));
      },
      {"write: pending", "read: 65536", "write: 4", "read: 4 \"last\""});
}

TEST_CASE("pipe: the reader's close breaks a write that waits") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.fill_pipe(ends.writer);
        raw_op& waiting = here.start(write(ends.writer, "last"));
        co_await here.settle();
        here.close(ends.reader);
        co_await here.end_of(waiting);
      },
      {"close: 0", "write: EPIPE"});
}

TEST_CASE("pipe: a write of more than fits writes it all, or says how much") {
  conforms(
      [](scene& here) -> rm::task<> {
        // Since Linux 6.4 what fits is written at once; before, a thread of the kernel waits until all has been read.
        const pipe_ends ends = here.pipe();
        constexpr int size = 200'000;
        raw_op& writing = here.start(write_bytes(ends.writer, size));
        co_await here.settle();
        int got = 0;
        while (got < (writing.is_in_flight() ? size : writing.last_result())) {
          got += co_await here.quietly(read(ends.reader, 65536));
        }
        co_await writing.end();
        here.note("as many were read as written", got == writing.last_result());
        here.note("what fits is not split", got >= 65536);
      },
      {"as many were read as written: yes", "what fits is not split: yes"});
}

TEST_CASE("pipe: each end has one direction") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.run(read(ends.writer, 16));
        co_await here.run(write(ends.reader, "x"));
      },
      {"read: EBADF", "write: EBADF"});
}

TEST_CASE("pipe: it has no offsets, and is no socket") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.run(receive(ends.reader, 16));
        co_await here.run(send(ends.writer, "x"));
        here.local(ends.reader);
        here.shutdown(ends.writer, SHUT_WR);
      },
      {"receive: ENOTSOCK", "send: ENOTSOCK", "local: ENOTSOCK", "shutdown: ENOTSOCK"});
}

TEST_CASE("pipe: a read of no bytes takes none, a write of none writes none") {
  conforms(
      [](scene& here) -> rm::task<> {
        // From an empty pipe it would come back at once, or before Linux 6.4 wait for the first byte.
        const pipe_ends ends = here.pipe();
        co_await here.run(write(ends.writer, "x"));
        co_await here.run(read(ends.reader, 0));
        co_await here.run(read(ends.reader, 16));
        co_await here.run(write(ends.writer, ""));
        raw_op& waiting = here.start(read(ends.reader, 16));
        co_await here.settle();
        here.tell_state(waiting);
      },
      {"write: 1", "read: 0", "read: 1 \"x\"", "write: 0", "read: pending"});
}

TEST_CASE("pipe: a read that is cancelled takes nothing out") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        raw_op& waiting = here.start(read(ends.reader, 16));
        co_await here.settle();
        co_await here.run(cancel(waiting));
        co_await here.end_of(waiting);
        co_await here.run(write(ends.writer, "kept"));
        co_await here.run(read(ends.reader, 16));
      },
      {"cancel: 0", "read: ECANCELED", "write: 4", "read: 4 \"kept\""});
}

TEST_CASE("pipe: vectors are filled one after the other") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends ends = here.pipe();
        co_await here.run(write_vectored(ends.writer, "good ", "day"));
        co_await here.run(read_vectored(ends.reader, 3, 8));
      },
      {"write: 8", "read: 8 \"goo\" \"d day...\""});
}

TEST_CASE("pipe: splice moves from one to another, and ends with its writer") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pipe_ends from = here.pipe();
        const pipe_ends to = here.pipe();
        co_await here.run(write(from.writer, "moved"));
        co_await here.run(splice(from.reader, to.writer, 3));
        co_await here.run(read(to.reader, 16));
        here.close(from.writer);
        co_await here.run(splice(from.reader, to.writer, 16));
        co_await here.run(splice(from.reader, to.writer, 16));
        co_await here.run(read(to.reader, 16));
      },
      {"write: 5", "splice: 3", "read: 3 \"mov\"", "close: 0", "splice: 2", "splice: 0", "read: 2 \"ed\""});
}

TEST_CASE("pipe: splice from a file, at an offset") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int file = co_await here.file("file", "0123456789");
        const pipe_ends ends = here.pipe();
        co_await here.run(splice(file, ends.writer, 4, 3));
        co_await here.run(read(ends.reader, 16));
        co_await here.run(splice(file, ends.writer, 100, 8));
        co_await here.run(read(ends.reader, 16));
        co_await here.run(splice(file, ends.writer, 100, 10));
      },
      {"splice: 4", "read: 4 \"3456\"", "splice: 2", "read: 2 \"89\"", "splice: 0"});
}

TEST_CASE("pipe: splice without a pipe is refused") {
  conforms(
      [](scene& here) -> rm::task<> {
        const int one = co_await here.file("one", "text");
        const int other = co_await here.file("other", "");
        co_await here.run(splice(one, other, 4, 0, 0));
      },
      {"splice: EINVAL"});
}

}  // namespace conformance
