// The cancel matrix of io/: every operation, cancelled and its handle closed at every moment at which that makes a
// difference: on a ring with room, on one that holds a single entry, in a loop that a host drives, and on simulated
// kernels, which complete in other orders. By seeds (support/by_seed.hpp) a seed draws subject and moment.
//
// Whatever the moment: the task ends; no frame, descriptor, lent buffer or operation is left; a result that came first
// is delivered. The rows are made in cancel_subjects_files.cpp and its like, the columns are the tests below.
#include <doctest/doctest.h>

#include <poll.h>

#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <ringmill/io/detail/buffer_pool.hpp>
#include <ringmill/io/host_loop.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/runtime/frame_memory.hpp>
#include <ringmill/runtime/inspect.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/timeout.hpp>

#include "../support/kernels.hpp"
#include "../support/lifetime.hpp"
#include "../support/plain_calls.hpp"
#include "cancel_subjects.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

/// One cell of the matrix.
class cell {
 public:
  explicit cell(support::io_subject made) : subject(std::move(made)) {}

  /// The task under test.
  rm::task<> wait() {
    const support::tracked here(alive);
    try {
      co_await subject.wait();
      reached = true;
    } catch (const std::system_error& failed) {
      error = failed.code();
    }
    co_await rm::sleep_for(1h);
    went_on = true;
  }

  bool can_complete() const { return static_cast<bool>(subject.complete); }
  bool has_ended() const { return reached || error; }
  /// That of what has steps may find it closed when it takes the next one.
  bool was_told_of_close() const {
    return error == std::errc::operation_canceled || (!subject.is_one_step && error == std::errc::bad_file_descriptor);
  }

  support::io_subject subject;
  int alive = 0;
  bool reached = false;
  std::error_code error;
  bool went_on = false;
};

rm::task<> wait_turns(int count) {
  for (int i = 0; i < count; ++i) {
    support::plain::take_a_moment();
    co_await rm::yield();
  }
}

/// Until the kernel has `here`'s operation, and has begun it.
rm::task<> in_flight() { co_await wait_turns(5); }

/// Until the operation has ended, whatever its task has been told of it.
rm::task<> ended(const cell& here) {
  while (!here.has_ended()) co_await rm::sleep_for(100us);
}

/// Closes what its operation is in flight on: that has ended then, and can still say what it was.
void close(cell& here) {
  here.subject.close();
  if (here.subject.is_one_step) CHECK(rm::ring::current().in_flight() == 0);
  CHECK_FALSE(rm::dump_tasks().empty());
}

/// Runs `body()`, which gives a task<>, in a loop that a host drives.
template <class Body>
void on_each_hosted_kernel(Body body) {
  for (const support::kernel_factory& factory : support::all_kernels()) {
    CAPTURE(factory.name());
    rm::host_loop tasks(factory.make());
    bool is_over = false;
    const auto root = [&]() -> rm::task<> {
      co_await body();
      is_over = true;
    };
    tasks.detach([&] { return root(); });
    while (!is_over) {
      pollfd wake{tasks.poll_fd(), POLLIN, 0};
      REQUIRE(::poll(&wake, 1, tasks.poll_timeout()) >= 0);
      tasks.run_once();
    }
  }
}

/// Of all subjects, or of the one that a seed has drawn.
support::io_subject_list chosen_subjects() {
  support::io_subject_list all = support::all_io_subjects();
  support::seeded_case* const seed = support::seeded_case::current();
  if (!seed) return all;
  return {all[seed->draw(all.size())]};
}

/// Runs `moment(cell, nursery)` as the body of a nursery, once for each subject, and checks what has to hold always.
template <class Moment, class Check>
void for_each_subject(Moment moment, Check check) {
  const auto one = [&](const support::io_subject_maker& make) -> rm::task<> {
    const int descriptors_before = support::open_descriptors();
    {
      cell here(make());
      CAPTURE(here.subject.name);
      rm::nursery group;
      auto body = [&]() -> rm::task<> { co_await moment(here, group); };
      co_await rm::with_timeout(20s, group.run(body));
      CHECK(here.alive == 0);
      CHECK_FALSE(here.went_on);
      CHECK(rm::ring::current().in_flight() == 0);
      CHECK(rm::ring::current().buffers().lent() == 0);
      check(here);
    }
    CHECK(support::open_descriptors() == descriptors_before);
  };
  const auto all = [&]() -> rm::task<> {
    for (const auto& make : chosen_subjects()) co_await one(make);
  };
  if (support::seeded_case::current()) return support::run_by_seed(all(), rm::ring_options());
  const auto frames_before = rm::current_frame_statistics().live;
  support::on_each_kernel_and_simulated(all);
  support::on_each_kernel_and_simulated(all, rm::ring_options().entries(1).completion_entries(2));
  on_each_hosted_kernel(all);
  CHECK(rm::current_frame_statistics().live == frames_before);
}

/// Moments, as numbers of turns: on Linux a completion is seen in one of the first. A simulated kernel may take two
/// milliseconds, so a seed draws one of more, few as often as many.
std::vector<int> moments() {
  if (support::seeded_case* const seed = support::seeded_case::current()) {
    return {static_cast<int>(seed->draw(std::size_t{1} << seed->draw(13)))};
  }
  return {0, 1, 2, 3, 4};
}

}  // namespace

TEST_CASE("io cancel matrix: not at all, and everything ends with its result") {
  const auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    group.start([&] { return here.wait(); });
    co_await in_flight();
    if (here.can_complete()) here.subject.complete();
    if (here.can_complete() || !here.subject.blocks) co_await ended(here);
    group.cancel();
  };
  for_each_subject(moment, [](const cell& here) {
    CHECK_FALSE(here.error);
    CHECK(here.reached == (here.can_complete() || !here.subject.blocks));
  });
}

TEST_CASE("io cancel matrix: before the start, and the kernel never hears of it") {
  const auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    const auto submitted_before = rm::ring::current().statistics().submitted;
    group.start([&]() -> rm::task<> {
      group.cancel();
      co_await here.wait();
    });
    co_await rm::shield(wait_turns(3));
    CHECK(rm::ring::current().statistics().submitted == submitted_before);
  };
  for_each_subject(moment, [](const cell& here) { CHECK_FALSE(here.has_ended()); });
}

TEST_CASE("io cancel matrix: in the turn in which it was started") {
  const auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    group.start([&] { return here.wait(); });
    group.start([&]() -> rm::task<> {
      group.cancel();
      co_return;
    });
    co_return;
  };
  for_each_subject(moment, [](const cell& here) {
    CHECK_FALSE(here.error);
    if (here.subject.blocks) CHECK_FALSE(here.reached);
  });
}

TEST_CASE("io cancel matrix: in flight, and the task is unwound") {
  for (const int turns_before : moments()) {
    CAPTURE(turns_before);
    const auto moment = [&](cell& here, rm::nursery& group) -> rm::task<> {
      group.start([&] { return here.wait(); });
      co_await wait_turns(turns_before);
      group.cancel();
    };
    for_each_subject(moment, [](const cell& here) {
      CHECK_FALSE(here.error);
      if (here.subject.blocks) CHECK_FALSE(here.reached);
    });
  }
}

TEST_CASE("io cancel matrix: as it completes, and one of the two wins") {
  for (const int turns_between : moments()) {
    CAPTURE(turns_between);
    const auto moment = [&](cell& here, rm::nursery& group) -> rm::task<> {
      group.start([&] { return here.wait(); });
      co_await in_flight();
      if (here.can_complete()) here.subject.complete();
      co_await wait_turns(turns_between);
      group.cancel();
    };
    for_each_subject(moment, [](const cell& here) { CHECK_FALSE(here.error); });
  }
}

TEST_CASE("io cancel matrix: right before it completes, and one of the two wins") {
  for (const int turns_between : moments()) {
    CAPTURE(turns_between);
    const auto moment = [&](cell& here, rm::nursery& group) -> rm::task<> {
      group.start([&] { return here.wait(); });
      co_await in_flight();
      group.cancel();
      co_await rm::shield(wait_turns(turns_between));
      if (here.can_complete()) here.subject.complete();
    };
    for_each_subject(moment, [](const cell& here) { CHECK_FALSE(here.error); });
  }
}

TEST_CASE("io cancel matrix: between its completion and its task, and the result is delivered") {
  const auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    if (!here.can_complete() || !here.subject.is_one_step) co_return;
    group.start([&] { return here.wait(); });
    co_await in_flight();
    here.subject.complete();
    // This task is in front of the other in the queue: it sees the completion first.
    const rm::ring& ring = rm::ring::current();
    const auto completions_before = ring.statistics().completions;
    while (ring.statistics().completions == completions_before && !here.has_ended()) co_await wait_turns(1);
    CHECK_FALSE(here.has_ended());
    group.cancel();
  };
  for_each_subject(moment, [](const cell& here) {
    CHECK_FALSE(here.error);
    CHECK(here.reached == (here.can_complete() && here.subject.is_one_step));
  });
}

TEST_CASE("io cancel matrix: after it has ended, and the task is unwound at its next suspension") {
  const auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    if (!here.can_complete() && here.subject.blocks) co_return;
    group.start([&] { return here.wait(); });
    co_await in_flight();
    if (here.can_complete()) here.subject.complete();
    co_await ended(here);
    group.cancel();
  };
  for_each_subject(moment, [](const cell& here) { CHECK_FALSE(here.error); });
}

TEST_CASE("io cancel matrix: twice, from two nurseries around it") {
  const auto moment = [](cell& here, rm::nursery& group) -> rm::task<> {
    rm::nursery inner;
    const auto body = [&]() -> rm::task<> {
      inner.start([&] { return here.wait(); });
      co_await in_flight();
      inner.cancel();
      inner.cancel();
      group.cancel();
    };
    co_await inner.run(body);
  };
  for_each_subject(moment, [](const cell& here) { CHECK_FALSE(here.error); });
}

TEST_CASE("io cancel matrix: by a time limit around it") {
  const auto moment = [](cell& here, rm::nursery&) -> rm::task<> {
    const bool has_ended = co_await rm::move_on_after(1ms, here.wait());
    CHECK_FALSE(has_ended);
  };
  for_each_subject(moment, [](const cell& here) { CHECK_FALSE(here.error); });
}

TEST_CASE("io cancel matrix: its handle is closed, and its task is told") {
  for (const int turns_before : moments()) {
    CAPTURE(turns_before);
    const auto moment = [&](cell& here, rm::nursery& group) -> rm::task<> {
      if (!here.subject.close) co_return;
      group.start([&] { return here.wait(); });
      co_await rm::yield();  // it starts
      co_await wait_turns(turns_before);
      close(here);
      co_await ended(here);
      group.cancel();
    };
    for_each_subject(moment, [](const cell& here) {
      if (!here.subject.close || !here.subject.blocks) return;
      CHECK(here.was_told_of_close());
    });
  }
}

TEST_CASE("io cancel matrix: its handle is closed as it completes") {
  for (const int turns_between : moments()) {
    CAPTURE(turns_between);
    const auto moment = [&](cell& here, rm::nursery& group) -> rm::task<> {
      if (!here.subject.close) co_return;
      group.start([&] { return here.wait(); });
      co_await in_flight();
      if (here.can_complete()) here.subject.complete();
      co_await wait_turns(turns_between);
      close(here);
      co_await ended(here);
      group.cancel();
    };
    for_each_subject(moment, [](const cell& here) {
      if (here.error) CHECK(here.was_told_of_close());
    });
  }
}

TEST_CASE("io cancel matrix: its handle is closed in the turn of the cancel") {
  for (const bool cancel_first : {true, false}) {
    CAPTURE(cancel_first);
    const auto moment = [&](cell& here, rm::nursery& group) -> rm::task<> {
      group.start([&] { return here.wait(); });
      co_await in_flight();
      if (cancel_first) group.cancel();
      if (here.subject.close) close(here);
      group.cancel();
    };
    for_each_subject(moment, [&](const cell& here) {
      if (cancel_first) CHECK_FALSE(here.error);
    });
  }
}

TEST_CASE("io cancel matrix: by the shutdown of the loop") {
  for (const int turns_before : {0, 1, 5}) {
    CAPTURE(turns_before);
    const auto frames_before = rm::current_frame_statistics().live;
    const int descriptors_before = support::open_descriptors();
    for (const auto& factory : support::all_kernels()) {
      std::size_t subjects = 0;
      const auto count = [&]() -> rm::task<> {
        subjects = support::all_io_subjects().size();
        co_return;
      };
      rm::run_on(factory.make(), count());
      for (std::size_t index = 0; index < subjects; ++index) {
        std::unique_ptr<cell> here;
        const auto root = [&]() -> rm::task<> {
          here = std::make_unique<cell>(support::all_io_subjects()[index]());
          rm::loop::current().detach([&] { return here->wait(); });
          co_await wait_turns(turns_before);
        };
        rm::run_on(factory.make(), root());
        CAPTURE(here->subject.name);
        CHECK(here->alive == 0);
        CHECK_FALSE(here->error);
      }
    }
    CHECK(support::open_descriptors() == descriptors_before);
    CHECK(rm::current_frame_statistics().live == frames_before);
  }
}
