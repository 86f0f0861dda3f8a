// Awaiting, starting, giving way, being cancelled.
#include <coroutine>
#include <vector>

#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/task.hpp>

#include "../limits/coroutines.hpp"
#include "../support/skipping_clock.hpp"
#include "measures.hpp"

namespace rm = ringmill;

namespace bench {
namespace {

// A child that ends without suspending.

constexpr std::size_t awaits = 2'000'000;

[[gnu::noinline]] rm::task<std::uint64_t> child(std::uint64_t value) { co_return value + 1; }

double await_child(const effort& how) {
  const std::size_t count = how.operations(awaits);
  auto parent = [&]() -> rm::task<> {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += co_await child(i);
    keep(sum);
  };
  return nanoseconds_each(count, [&] { run_task(parent()); });
}

[[gnu::noinline]] limits::number bare_child(std::uint64_t value) { co_return value + 1; }

[[gnu::noinline]] limits::routine bare_parent(std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await bare_child(i);
  keep(sum);
}

double await_child_limit(const effort& how) {
  const std::size_t count = how.operations(awaits);
  const auto parent = bare_parent(count).handle();
  const double each = nanoseconds_each(count, [&] { parent.resume(); });
  parent.destroy();
  return each;
}

// A child that suspends once.

[[gnu::noinline]] rm::task<std::uint64_t> suspending_child(std::uint64_t value) {
  co_await rm::yield();
  co_return value + 1;
}

double await_child_suspending(const effort& how) {
  const std::size_t count = how.operations(awaits);
  auto parent = [&]() -> rm::task<> {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += co_await suspending_child(i);
    keep(sum);
  };
  return nanoseconds_each(count, [&] { run_task(parent()); });
}

[[gnu::noinline]] limits::number bare_suspending_child(std::coroutine_handle<>& suspended, std::uint64_t value) {
  co_await limits::suspend_into(suspended);
  co_return value + 1;
}

[[gnu::noinline]] limits::routine bare_suspending_parent(std::coroutine_handle<>& suspended, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += co_await bare_suspending_child(suspended, i);
  keep(sum);
}

double await_child_suspending_limit(const effort& how) {
  const std::size_t count = how.operations(awaits);
  std::coroutine_handle<> suspended;
  const auto parent = bare_suspending_parent(suspended, count).handle();
  const double each = nanoseconds_each(count, [&] {
    parent.resume();
    while (!parent.done()) suspended.resume();
  });
  parent.destroy();
  return each;
}

// A task in a nursery: made, started, run, ended, and counted by whoever waits for all.

constexpr std::size_t spawned = 1'000'000;
constexpr std::size_t spawned_at_once = 100;

[[gnu::noinline]] rm::task<> member(std::size_t* runs) {
  ++*runs;
  co_return;
}

rm::task<> nurseries(std::size_t groups) {
  std::size_t runs = 0;
  for (std::size_t group = 0; group < groups; ++group) {
    rm::nursery members;
    co_await members.run([&]() -> rm::task<> {
      for (std::size_t i = 0; i < spawned_at_once; ++i) members.start(member, &runs);
      co_return;
    });
  }
  keep(runs);
}

double spawn_join(const effort& how) {
  const std::size_t groups = how.operations(spawned) / spawned_at_once + 1;
  return nanoseconds_each(groups * spawned_at_once, [&] { run_task(nurseries(groups)); });
}

[[gnu::noinline]] limits::routine bare_member(std::size_t& runs) {
  ++runs;
  co_return;
}

double spawn_join_limit(const effort& how) {
  const std::size_t groups = how.operations(spawned) / spawned_at_once + 1;
  std::size_t runs = 0;
  std::vector<limits::routine::handle_type> ready;
  return nanoseconds_each(groups * spawned_at_once, [&] {
    for (std::size_t group = 0; group < groups; ++group) {
      ready.clear();
      for (std::size_t i = 0; i < spawned_at_once; ++i) ready.push_back(bare_member(runs).handle());
      for (const auto handle : ready) {
        handle.resume();
        handle.destroy();
      }
    }
    keep(runs);
  });
}

// Giving way, alone and among many.

constexpr std::size_t yields = 2'000'000;

rm::task<> yield_often(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) co_await rm::yield();
}

rm::task<> yield_among(std::size_t tasks, std::size_t count) {
  rm::nursery all;
  auto body = [&]() -> rm::task<> {
    for (std::size_t i = 0; i < tasks; ++i) all.start(yield_often, count);
    co_return;
  };
  co_await all.run(body);
}

subject yield_with(std::size_t tasks) {
  return [tasks](const effort& how) {
    const std::size_t each = how.operations(yields) / tasks + 1;
    return nanoseconds_each(each * tasks, [&] { run_task(yield_among(tasks, each)); });
  };
}

[[gnu::noinline]] limits::routine bare_yielder(std::size_t& resumed) {
  for (;;) {
    ++resumed;
    co_await std::suspend_always();
  }
}

subject yield_limit_with(std::size_t tasks) {
  return [tasks](const effort& how) {
    const std::size_t turns = how.operations(yields) / tasks + 1;
    std::size_t resumed = 0;
    std::vector<limits::routine::handle_type> all;
    for (std::size_t i = 0; i < tasks; ++i) all.push_back(bare_yielder(resumed).handle());
    const double each = nanoseconds_each(turns * tasks, [&] {
      for (std::size_t turn = 0; turn < turns; ++turn) {
        for (const auto handle : all) handle.resume();
      }
    });
    for (const auto handle : all) handle.destroy();
    return each;
  };
}

// A chain of tasks, each of which awaits the next, cancelled while the last one waits. Only the cancel is timed: from
// the request until whoever asked knows that all frames are gone.

constexpr std::size_t chains = 5'000;
constexpr std::size_t levels = 100;
using clock = std::chrono::steady_clock;

[[gnu::noinline]] rm::task<> chain(rm::event* never, std::size_t below) {
  if (below > 0) {
    co_await chain(never, below - 1);
  } else {
    co_await never->wait();
  }
}

rm::task<> cancel_chains(std::size_t count, std::chrono::nanoseconds& length) {
  for (std::size_t i = 0; i < count; ++i) {
    rm::event never;
    rm::nursery around;
    clock::time_point start;
    co_await around.run([&]() -> rm::task<> {
      around.start(chain, &never, levels - 1);
      co_await rm::yield();  // now the last one waits
      start = clock::now();
      around.cancel();
    });
    length += clock::now() - start;
  }
}

double cancel_level(const effort& how) {
  const std::size_t count = how.operations(chains);
  std::chrono::nanoseconds length{};
  run_task(cancel_chains(count, length));
  return static_cast<double>(length.count()) / static_cast<double>(count * levels);
}

[[gnu::noinline]] limits::number bare_chain(std::coroutine_handle<>& suspended, std::size_t below) {
  if (below > 0) co_return co_await bare_chain(suspended, below - 1);
  co_await limits::suspend_into(suspended);
  co_return 0;
}

[[gnu::noinline]] limits::routine bare_chain_holder(std::coroutine_handle<>& suspended) {
  co_await bare_chain(suspended, levels - 1);
}

/// Whoever holds the outermost frame destroys it, and each frame destroys the one that it awaits: no request goes down,
/// and a long chain would overflow the stack.
double cancel_level_limit(const effort& how) {
  const std::size_t count = how.operations(chains);
  std::chrono::nanoseconds length{};
  for (std::size_t i = 0; i < count; ++i) {
    std::coroutine_handle<> suspended;
    const auto holder = bare_chain_holder(suspended).handle();
    holder.resume();
    const auto start = clock::now();
    holder.destroy();
    length += clock::now() - start;
  }
  return static_cast<double>(length.count()) / static_cast<double>(count * levels);
}

}  // namespace

std::vector<measure> task_measures() {
  return {
      {"await_child", "ns", await_child, await_child_limit, 8},
      {"await_child_suspending", "ns", await_child_suspending, await_child_suspending_limit, 15},
      {"spawn_join", "ns", spawn_join, spawn_join_limit, 18},
      {"yield", "ns", yield_with(1000), yield_limit_with(1000), 6},
      {"yield_alone", "ns", yield_with(1), yield_limit_with(1), 6},
      {"cancel_level", "ns", cancel_level, cancel_level_limit, 25},
  };
}

}  // namespace bench
