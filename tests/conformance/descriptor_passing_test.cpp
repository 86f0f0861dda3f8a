// Descriptors that travel over Unix sockets (unix(7), SCM_RIGHTS).
#include <sys/socket.h>

#include <memory>
#include <vector>

#include "scenario.hpp"

namespace conformance {

TEST_CASE("descriptors: one that is sent is the same file under another number") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.writer};
        co_await here.run(send_descriptors(both.left, "take it", given));
        here.close(ends.writer);
        const auto got = std::make_shared<std::vector<int>>();
        co_await here.run(receive_descriptors(both.right, 16, got, 4));
        co_await here.run(write(got->at(0), "through"));
        here.close(got->at(0));
        co_await here.run(read(ends.reader, 16));
        co_await here.run(read(ends.reader, 16));
      },
      {"send: 7", "close: 0", "receive: 7 \"take it\", 1 descriptors", "write: 7", "close: 0", "read: 7 \"through\"",
       "read: 0"});
}

TEST_CASE("descriptors: several come in their order") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.reader, ends.writer};
        co_await here.run(send_descriptors(both.left, "x", given));
        const auto got = std::make_shared<std::vector<int>>();
        co_await here.run(receive_descriptors(both.right, 16, got, 4));
        co_await here.run(write(got->at(1), "round"));
        co_await here.run(read(got->at(0), 16));
        here.close(got->at(0));
        here.close(got->at(1));
      },
      {"send: 1", "receive: 1 \"x\", 2 descriptors", "write: 5", "read: 5 \"round\"", "close: 0", "close: 0"});
}

TEST_CASE("descriptors: those for which there is no room are closed, and the message says so") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.writer, ends.writer, ends.writer};
        co_await here.run(send_descriptors(both.left, "x", given));
        here.close(ends.writer);
        const auto got = std::make_shared<std::vector<int>>();
        co_await here.run(receive_descriptors(both.right, 16, got, 2));
        for (const int each : *got) here.close(each);
        co_await here.run(read(ends.reader, 16));
      },
      {"send: 1", "close: 0", "receive: 1 \"x\", 2 descriptors CTRUNC", "close: 0", "close: 0", "read: 0"});
}

TEST_CASE("descriptors: who receives bytes only loses them") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.writer};
        co_await here.run(send_descriptors(both.left, "x", given));
        here.close(ends.writer);
        co_await here.run(receive(both.right, 16));
        co_await here.run(read(ends.reader, 16));
      },
      {"send: 1", "close: 0", "receive: 1 \"x\"", "read: 0"});
}

TEST_CASE("descriptors: those in a socket that is closed are closed with it") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.writer};
        co_await here.run(send_descriptors(both.left, "x", given));
        here.close(ends.writer);
        raw_op& waiting = here.start(read(ends.reader, 16));
        co_await here.settle();
        here.tell_state(waiting);
        here.close(both.left);
        here.close(both.right);
        co_await here.end_of(waiting);
      },
      {"send: 1", "close: 0", "read: pending", "close: 0", "close: 0", "read: 0"});
}

TEST_CASE("descriptors: they part the stream, a receive does not read over them") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const pipe_ends ends = here.pipe();
        const std::vector<int> given = {ends.writer};
        co_await here.run(send_descriptors(both.left, "first", given));
        co_await here.run(send(both.left, "second"));
        const auto got = std::make_shared<std::vector<int>>();
        co_await here.run(receive_descriptors(both.right, 32, got, 1));
        co_await here.run(receive(both.right, 32));
        here.close(got->at(0));
      },
      {"send: 5", "send: 6", "receive: 5 \"first\", 1 descriptors", "receive: 6 \"second\"", "close: 0"});
}

TEST_CASE("descriptors: a number that is no descriptor is refused") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        const std::vector<int> given = {-1};
        co_await here.run(send_descriptors(both.left, "x", given));
        co_await here.run(receive(both.right, 16, MSG_DONTWAIT));
      },
      {"send: EBADF", "receive: EAGAIN"});
}

}  // namespace conformance
