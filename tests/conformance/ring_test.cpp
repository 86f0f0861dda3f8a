// The arrays themselves: entering, a full submission array, an overflowing completion array, being woken, time limits.
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <set>
#include <thread>

#include "bare_kernel.hpp"
#include "scenario.hpp"

namespace conformance {

namespace {

using namespace std::chrono_literals;

void play_nothing(bare_kernel& one, transcript& out) {
  out.add("enter", answer_text(one.enter()));
  out.add("completions", std::to_string(one.collect().size()));
}

void play_time_limit(bare_kernel& one, transcript& out) {
  const rm::time_point before = one->now();
  out.add("enter", answer_text(one.enter(true, 2ms)));
  out.add("the time has passed", one->now() - before >= 2ms ? "yes" : "no");
  out.add("enter, for no time", answer_text(one.enter(true, 0ms)));
  out.add("enter, for less", answer_text(one.enter(true, -5ms)));
}

void play_time_limit_with_completion(bare_kernel& one, transcript& out) {
  one.push(1);
  out.add("enter", answer_text(one.enter(true, 1h)));
  out.add("completions", std::to_string(one.collect().size()));
}

void play_submit_and_time_limit(bare_kernel& one, transcript& out) {
  std::array<char, 8> bytes{};
  std::array<int, 2> ends{};
  REQUIRE(one->socket_pair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  io_uring_prep_recv(&one.push(1), ends[0], bytes.data(), bytes.size(), 0);
  const int first = one.enter(true, 1ms);
  out.add("taken, or out of time", first == 1 || first == -ETIME ? "yes" : answer_text(first));
  out.add("completions", std::to_string(one.collect().size()));
  one->shutdown(ends[1], SHUT_RDWR);
  // What was taken although the limit was over has been taken.
  const int second = one->enter(0, true, std::nullopt);
  out.add("enter", answer_text(second));
  out.add("completions", std::to_string(one.collect().size()));
  out.add("receive", answer_text(one.last_result()));
  one->close(ends[0]);
  one->close(ends[1]);
}

void play_full_submissions(bare_kernel& one, transcript& out) {
  std::uint64_t number = 0;
  while (!one.is_full()) one.push(number++);
  out.add("entries", std::to_string(number));
  out.add("enter", answer_text(one.enter()));
  out.add("head is at the tail", *one.arrays().sq_head == *one.arrays().sq_tail ? "yes" : "no");
  std::set<std::uint64_t> done;
  while (done.size() < number) {
    for (const std::uint64_t each : one.collect()) done.insert(each);
    if (done.size() < number) one.enter(true);
  }
  out.add("completed", std::to_string(done.size()));
}

void play_overflow(bare_kernel& one, transcript& out) {
  constexpr std::uint64_t count = 96;
  // Nobody collects meanwhile: six times what the array holds. io_uring promises no order among what is independent.
  bool all_taken = true;
  for (std::uint64_t number = 0; number < count; ++number) {
    one.push(number);
    if (one.is_full()) all_taken = all_taken && one.enter() == 8;
  }
  std::set<std::uint64_t> done;
  while (all_taken && done.size() < count) {
    for (const std::uint64_t each : one.collect()) done.insert(each);
    if (done.size() < count) one.enter(true);
  }
  out.add("taken without being collected", all_taken ? "yes" : "no");
  out.add("completed", std::to_string(done.size()));
}

void play_sizes(bare_kernel& one, transcript& out) {
  out.add("submissions", std::to_string(one.arrays().sq_entries));
  out.add("completions", std::to_string(one.arrays().cq_entries));
  out.add("heads and tails",
          *one.arrays().sq_head == *one.arrays().sq_tail && *one.arrays().cq_head == *one.arrays().cq_tail
              ? "equal"
              : "different");
}

void play_wake(bare_kernel& one, transcript& out) {
  std::uint64_t count = 0;
  const auto read_it = [&](std::uint64_t number) {
    io_uring_prep_read(&one.push(number), one->wake_descriptor(), &count, sizeof count, 0);
  };
  read_it(1);
  one.enter();
  out.add("before", std::to_string(one.collect().size()));
  one->wake();
  one.enter(true);
  out.add("after", std::to_string(one.collect().size()));
  out.add("bytes", answer_text(one.last_result()));
  // Those that nobody reads meanwhile come together.
  one->wake();
  one->wake();
  one->wake();
  read_it(2);
  one.enter(true);
  out.add("three at once", std::to_string(one.collect().size()));
  out.add("count", std::to_string(count));
}

void play_wake_from_thread(bare_kernel& one, transcript& out) {
  std::uint64_t count = 0;
  io_uring_prep_read(&one.push(1), one->wake_descriptor(), &count, sizeof count, 0);
  std::thread other([&] { one->wake(); });
  one.enter(true);
  other.join();
  while (one.collect().empty()) one.enter(true);
  out.add("count", std::to_string(count));
}

void play_unknown_operation(bare_kernel& one, transcript& out) {
  one.push(1).opcode = 250;
  one.enter(true);
  one.collect();
  out.add("opcode 250", answer_text(one.last_result()));
  out.add("supported", one->supports(250) || one->supports(127) ? "yes" : "no");
  out.add("nop supported", one->supports(0) ? "yes" : "no");
}

void play_unknown_flag(bare_kernel& one, transcript& out) {
  one.push(1).flags = 0x80;
  one.enter(true);
  one.collect();
  out.add("nop", answer_text(one.last_result()));
}

void play_after_failure(bare_kernel& one, transcript& out) {
  // IORING_SETUP_SUBMIT_ALL: one that is refused does not keep back those behind it.
  one.push(1).opcode = 250;
  one.push(2);
  out.add("enter", answer_text(one.enter()));
  std::size_t done = one.collect().size();
  while (done < 2) {
    one.enter(true);
    done += one.collect().size();
  }
  out.add("completions", std::to_string(done));
}

}  // namespace

TEST_CASE("ring: to enter with nothing to do does nothing") {
  conforms_bare(&play_nothing, {"enter: 0", "completions: 0"});
}
TEST_CASE("ring: a time limit that is over says so") {
  conforms_bare(&play_time_limit,
                {"enter: ETIME", "the time has passed: yes", "enter, for no time: ETIME", "enter, for less: ETIME"});
}
TEST_CASE("ring: what completes at once does not wait for the limit") {
  conforms_bare(&play_time_limit_with_completion, {"enter: 1", "completions: 1"});
}
TEST_CASE("ring: what is submitted with a limit is submitted, whatever becomes of the limit") {
  conforms_bare(&play_submit_and_time_limit,
                {"taken, or out of time: yes", "completions: 0", "enter: 0", "completions: 1", "receive: 0"});
}
TEST_CASE("ring: a full submission array is taken whole") {
  conforms_bare(&play_full_submissions, {"entries: 8", "enter: 8", "head is at the tail: yes", "completed: 8"});
}
TEST_CASE("ring: completions that overflow their array are not lost") {
  conforms_bare(&play_overflow, {"taken without being collected: yes", "completed: 96"});
}
TEST_CASE("ring: the arrays are as large as was asked for") {
  conforms_bare(&play_sizes, {"submissions: 8", "completions: 16", "heads and tails: equal"});
}
TEST_CASE("ring: a wake is eight bytes to read, and several are one") {
  conforms_bare(&play_wake, {"before: 0", "after: 1", "bytes: 8", "three at once: 1", "count: 3"});
}
TEST_CASE("ring: another thread can wake it") { conforms_bare(&play_wake_from_thread, {"count: 1"}); }
TEST_CASE("ring: an operation that there is not is refused") {
  conforms_bare(&play_unknown_operation, {"opcode 250: EINVAL", "supported: no", "nop supported: yes"});
}
TEST_CASE("ring: a flag that there is not is refused") { conforms_bare(&play_unknown_flag, {"nop: EINVAL"}); }
TEST_CASE("ring: what is refused does not keep back what is behind it") {
  conforms_bare(&play_after_failure, {"enter: 2", "completions: 2"});
}

TEST_CASE("ring: more operations than entries are all done, on the loop's ring") {
  conforms(
      [](scene& here) -> rm::task<> {
        std::vector<raw_op*> all;
        for (int i = 0; i < 2000; ++i) all.push_back(&here.start(nop()));
        int done = 0;
        for (raw_op* each : all) {
          co_await each->end();
          if (each->last_result() == 0) ++done;
        }
        here.note("done", std::to_string(done));
      },
      {"done: 2000"});
}

TEST_CASE("ring: what is submitted in one turn is done in its order, when nothing has to wait") {
  conforms(
      [](scene& here) -> rm::task<> {
        const pair both = here.unix_pair();
        raw_op& one = here.start(send(both.left, "a"));
        raw_op& other = here.start(send(both.left, "b"));
        raw_op& both_of_them = here.start(receive(both.right, 2, MSG_WAITALL));
        co_await here.end_of(one);
        co_await here.end_of(other);
        co_await here.end_of(both_of_them);
      },
      {"send: 1", "send: 1", "receive: 2 \"ab\""});
}

TEST_CASE("ring: a timeout is over when its time is") {
  conforms(
      [](scene& here) -> rm::task<> {
        here.needs(11, "IORING_OP_TIMEOUT");
        co_await here.run(timeout(1'000'000));
        raw_op& long_one = here.start(timeout(3'600'000'000'000));
        co_await here.settle();
        co_await here.run(cancel(long_one));
        co_await here.end_of(long_one);
      },
      {"timeout: ETIME", "cancel: 0", "timeout: ECANCELED"});
}

}  // namespace conformance
