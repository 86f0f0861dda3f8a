// Provided buffers, and receives that go on (io_uring_register_buf_ring(3), io_uring_prep_recv_multishot(3)).
#include <sys/socket.h>

#include "buffer_group.hpp"
#include "scenario.hpp"

namespace conformance {

namespace {
constexpr unsigned group = 7;
}

TEST_CASE("buffers: the completion says which one was taken") {
  conforms(
      [](scene& here) -> rm::task<> {
        buffer_group buffers(here.kernel(), group, 16);
        buffers.offer(5);
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "hello"));
        co_await here.run(receive_selected(both.right, group));
        here.note("in it", buffers.text(5, 5));
      },
      {"send: 5", "receive: 5, buffer 5", "in it: hello"});
}

TEST_CASE("buffers: they are taken in the order in which they were offered") {
  conforms(
      [](scene& here) -> rm::task<> {
        buffer_group buffers(here.kernel(), group, 16);
        for (const unsigned index : {3U, 1U, 2U}) buffers.offer(index);
        const pair both = here.unix_pair();
        for (const char* text : {"a", "b", "c"}) {
          co_await here.run(send(both.left, text));
          co_await here.run(receive_selected(both.right, group));
        }
        here.note("in them", buffers.text(3, 1) + buffers.text(1, 1) + buffers.text(2, 1));
      },
      {"send: 1", "receive: 1, buffer 3", "send: 1", "receive: 1, buffer 1", "send: 1", "receive: 1, buffer 2",
       "in them: abc"});
}

TEST_CASE("buffers: none is taken before there is something to put into it") {
  conforms(
      [](scene& here) -> rm::task<> {
        buffer_group buffers(here.kernel(), group, 16);
        buffers.offer(0);
        const pair one = here.unix_pair();
        const pair other = here.unix_pair();
        raw_op& waiting = here.start(receive_selected(one.right, group).named("waiting"));
        co_await here.settle();
        co_await here.run(send(other.left, "x"));
        co_await here.run(receive_selected(other.right, group));
        buffers.offer(0);
        co_await here.run(send(one.left, "yy"));
        co_await here.end_of(waiting);
      },
      {"send: 1", "receive: 1, buffer 0", "send: 2", "waiting: 2, buffer 0"});
}

TEST_CASE("buffers: when there is none, a receive says so, and the bytes stay") {
  conforms(
      [](scene& here) -> rm::task<> {
        buffer_group buffers(here.kernel(), group, 16);
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "kept"));
        co_await here.run(receive_selected(both.right, group));
        buffers.offer(1);
        co_await here.run(receive_selected(both.right, group));
      },
      {"send: 4", "receive: ENOBUFS", "receive: 4, buffer 1"});
}

TEST_CASE("buffers: a receive takes what fits into one") {
  conforms(
      [](scene& here) -> rm::task<> {
        buffer_group buffers(here.kernel(), group, 4);
        buffers.offer(0);
        buffers.offer(1);
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "sixsix"));
        co_await here.run(receive_selected(both.right, group));
        co_await here.run(receive_selected(both.right, group));
        here.note("in them", buffers.text(0, 4) + buffers.text(1, 2));
      },
      {"send: 6", "receive: 4, buffer 0", "receive: 2, buffer 1", "in them: sixsix"});
}

TEST_CASE("buffers: a length limits what is received into one") {
  conforms(
      [](scene& here) -> rm::task<> {
        buffer_group buffers(here.kernel(), group, 16);
        buffers.offer(0);
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "hello"));
        co_await here.run(receive_selected(both.right, group, 2));
      },
      {"send: 5", "receive: 2, buffer 0"});
}

TEST_CASE("buffers: a group that nobody has registered has none") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        co_await here.run(send(both.left, "x"));
        co_await here.run(receive_selected(both.right, 99));
      },
      {"send: 1", "receive: ENOBUFS"});
}

TEST_CASE("buffers: a group is registered once, and can be given up") {
  conforms(
      [](scene& here) -> rm::task<> {
        {
          const buffer_group one(here.kernel(), group, 16);
          const buffer_group other(here.kernel(), group, 16);
          here.note("first", answer_text(one.registered()));
          here.note("second", answer_text(other.registered()));
        }
        const buffer_group again(here.kernel(), group, 16);
        here.note("after the first", answer_text(again.registered()));
        here.note("unknown", answer_text(here.kernel().unregister_buffer_ring(99)));
        co_return;
      },
      {"first: 0", "second: EEXIST", "after the first: 0", "unknown: ENOENT"});
}

TEST_CASE("buffers: the number of entries is a power of two") {
  conforms(
      [](scene& here) -> rm::task<> {
        alignas(4096) static char memory[4096];
        auto* const ring = reinterpret_cast<io_uring_buf_ring*>(memory);
        here.note("three", answer_text(here.kernel().register_buffer_ring(ring, 3, group)));
        here.note("65536", answer_text(here.kernel().register_buffer_ring(ring, 65536, group)));
        co_return;
      },
      {"three: EINVAL", "65536: EINVAL"});
}

TEST_CASE("buffers: a multishot receive takes one for each arrival, until they are used up") {
  conforms(
      [](scene& here) -> rm::task<> {
        buffer_group buffers(here.kernel(), group, 16);
        buffers.offer(0);
        buffers.offer(1);
        const pair both = here.unix_pair();
        raw_op& all = here.start(receive_multishot(both.right, group));
        co_await here.settle();
        for (const char* text : {"a", "bb"}) {
          co_await here.run(send(both.left, text));
          co_await here.next_of(all);
        }
        co_await here.run(send(both.left, "kept"));
        co_await here.end_of(all);
        buffers.offer(0);
        co_await here.run(receive_selected(both.right, group));
      },
      {"send: 1", "receive: 1, buffer 0, more", "send: 2", "receive: 2, buffer 1, more", "send: 4", "receive: ENOBUFS",
       "receive: 4, buffer 0"});
}

TEST_CASE("buffers: a multishot receive ends with the stream") {
  conforms(
      [](scene& here) -> rm::task<> {
        buffer_group buffers(here.kernel(), group, 16);
        for (unsigned index = 0; index < 4; ++index) buffers.offer(index);
        const connection both = co_await here.tcp();
        raw_op& all = here.start(receive_multishot(both.server, group));
        co_await here.settle();
        co_await here.run(send(both.client, "last"));
        co_await here.next_of(all);
        here.close(both.client);
        co_await all.end();
        here.note("then", answer_text(all.last_result()));
      },
      {"send: 4", "receive: 4, buffer 0, more", "close: 0", "then: 0"});
}

TEST_CASE("buffers: a multishot receive is cancelled, and has taken no buffer for it") {
  conforms(
      [](scene& here) -> rm::task<> {
        buffer_group buffers(here.kernel(), group, 16);
        buffers.offer(0);
        const pair both = here.unix_pair();
        raw_op& all = here.start(receive_multishot(both.right, group));
        co_await here.settle();
        co_await here.run(cancel(all));
        co_await here.end_of(all);
        co_await here.run(send(both.left, "x"));
        co_await here.run(receive_selected(both.right, group));
      },
      {"cancel: 0", "receive: ECANCELED", "send: 1", "receive: 1, buffer 0"});
}

}  // namespace conformance
