// Bugs that only a clock that jumps, or memory that is not to be had, brings to light: each next to the program without
// it.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>

#include <ringmill/io/kernel.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/io/sim/world.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/sleep.hpp>

#include "seeds.hpp"

namespace rm = ringmill;
namespace sim = ringmill::sim;
using namespace std::chrono_literals;
using namespace sim_tests;

namespace {

sim::options with(sim::fault kind, unsigned per_mille) { return sim::options().fault(kind, per_mille); }

/// Who may write is told by a lease of ten seconds, which others get when it is over.
class lease {
 public:
  /// When it ends; nothing while it is another's.
  std::optional<rm::time_point> take(int who) {
    const rm::time_point now = rm::loop::current().now();
    if (owner_ != 0 && now < end_) return std::nullopt;
    owner_ = who;
    end_ = now + 10s;
    return end_;
  }
  void write(int who) const {
    if (owner_ != who) throw std::logic_error("written by one whose lease is another's");
  }

 private:
  int owner_ = 0;
  rm::time_point end_{};
};

/// Takes a second to compute what it writes: a lease of ten is long enough, unless the machine sleeps meanwhile.
rm::task<> write_with_lease(std::shared_ptr<lease> shared, int who, bool looks_again) {
  for (int written = 0; written < 20;) {
    if (const std::optional<rm::time_point> end = shared->take(who)) {
      co_await rm::sleep_for(1s);
      if (looks_again && rm::loop::current().now() >= *end) continue;
      shared->write(who);
      ++written;
    }
    co_await rm::sleep_for(3s);
  }
}

program leases(bool has_bug) {
  return [has_bug](sim::world& world) {
    const auto shared = std::make_shared<lease>();
    world.host("one").start(write_with_lease, shared, 1, !has_bug);
    world.host("other").start(write_with_lease, shared, 2, !has_bug);
  };
}

rm::task<> measure(bool by_wall_clock) {
  const auto now = [&]() -> rm::duration {
    if (by_wall_clock) return rm::ring::current().backend().wall_clock();
    return rm::loop::current().now().time_since_epoch();
  };
  for (int i = 0; i < 20; ++i) {
    static_cast<void>(rm::ring::current().backend().wall_clock());  // a date for its log
    const rm::duration before = now();
    co_await rm::sleep_for(1s);
    const rm::duration length = now() - before;
    if (length < 1s || length > 2s) throw std::logic_error("a second was not a second");
  }
}

program stopwatches(bool has_bug) {
  return [has_bug](sim::world& world) { world.host("one").start(measure, has_bug); };
}

rm::task<> work() { co_await rm::sleep_for(1ms); }

class busy_mark {
 public:
  explicit busy_mark(int& busy) noexcept : busy_(busy) { ++busy_; }
  ~busy_mark() { --busy_; }
  busy_mark(const busy_mark&) = delete;
  busy_mark& operator=(const busy_mark&) = delete;

 private:
  int& busy_;
};

rm::task<> serve_requests(bool counts_by_hand) {
  int busy = 0;
  for (int i = 0; i < 50; ++i) {
    try {
      if (counts_by_hand) {
        ++busy;
        co_await work();
        --busy;
      } else {
        const busy_mark here(busy);
        co_await work();
      }
    } catch (const std::bad_alloc&) {  // this request is refused
    }
    if (busy != 0) throw std::logic_error("busy with a request that was refused");
  }
}

program counters(bool has_bug) {
  return [has_bug](sim::world& world) {
    // Its own frame is made here, where there is memory.
    world.host("one").start([](rm::task<> made) { return made; }, serve_requests(has_bug));
  };
}

}  // namespace

TEST_CASE("planted: a lease is not looked at again after the machine has slept") {
  check_found(leases, [](std::uint64_t) { return with(sim::fault::clock_jump, 20); });
}

TEST_CASE("planted: a length of time is measured by the time of day") {
  check_found(stopwatches, [](std::uint64_t) { return with(sim::fault::wall_clock_jump, 20); });
}

TEST_CASE("planted: what was counted up is not counted down when a call finds no memory") {
  check_found(counters, [](std::uint64_t) { return with(sim::fault::no_memory, 10); });
}

TEST_CASE("a clock that jumps makes an hour of sleep no shorter, and the limit of time does not count it") {
  const sim::options how = with(sim::fault::clock_jump, 300).time_limit(2min);
  rm::duration slept{};
  const sim::report found = sim::run(1, how, [&](sim::world& world) {
    world.host("one").start([&]() -> rm::task<> {
      const rm::time_point before = rm::loop::current().now();
      for (int i = 0; i < 20; ++i) co_await rm::sleep_for(1s);
      slept = rm::loop::current().now() - before;
    });
  });
  CHECK(!found.faults.empty());
  CHECK(slept >= 20s);
  CHECK(found.length > 2min);
}
