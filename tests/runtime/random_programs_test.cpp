// Random structured programs, run by the runtime in virtual time and by a reference model: both must log the same.
//
// A program is a tree: sleeps, throws, sequences, nurseries, time limits, shields, clean-ups, and a
// sender and a receiver with a channel between them. The model knows no
// coroutines: from a start and the time at which a node is asked to stop it computes when and how it ends.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/channel.hpp>
#include <ringmill/runtime/finally.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/shield.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/lifetime.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;

namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

enum class kind { sleep, fail, pipe, sequence, group, all, time_limit, move_on, shield, cleanup };

/// Lengths are drawn from 2^40 nanoseconds, so that no two events of a program fall on the same instant by chance.
struct node {
  kind what = kind::sleep;
  int id = 0;
  std::int64_t length = 0;
  std::vector<node> parts;

  // Of a pipe: what the sender does before each value, and the receiver after it.
  std::size_t capacity = 0;
  std::vector<std::int64_t> making;
  std::vector<std::int64_t> using_up;
};

class generator {
 public:
  explicit generator(std::uint64_t seed) : random_(seed) {}

  node make(int depth) {
    node made;
    made.id = next_id_++;
    made.length = draw_length();
    const auto draw = random_() % 100;
    if (depth == 0 || draw < 15) {
      made.what = random_() % 4 == 0 ? kind::fail : kind::sleep;
      return made;
    }
    if (draw < 22) {
      made.what = kind::pipe;
      made.capacity = random_() % 4;
      for (auto values = 1 + random_() % 6; values > 0; --values) {
        made.making.push_back(draw_length() / 4);
        made.using_up.push_back(draw_length() / 4);
      }
      return made;
    }
    std::size_t parts = 1;
    if (draw < 35) {
      made.what = kind::sequence;
      parts = 1 + random_() % 3;
    } else if (draw < 55) {
      made.what = kind::group;
      parts = 1 + random_() % 4;
    } else if (draw < 65) {
      made.what = kind::all;
      parts = 1 + random_() % 3;
    } else if (draw < 75) {
      made.what = kind::time_limit;
    } else if (draw < 82) {
      made.what = kind::move_on;
    } else if (draw < 90) {
      made.what = kind::shield;
    } else {
      made.what = kind::cleanup;
      parts = 2;
    }
    for (std::size_t part = 0; part < parts; ++part) made.parts.push_back(make(depth - 1));
    return made;
  }

 private:
  std::int64_t draw_length() { return static_cast<std::int64_t>(1 + random_() % (std::uint64_t{1} << 40)); }

  std::mt19937_64 random_;
  int next_id_ = 0;
};

/// What a leaf did, and when.
struct event {
  std::int64_t time;
  int id;
  bool operator==(const event&) const = default;
};

class failure : public std::runtime_error {
 public:
  explicit failure(int which) : std::runtime_error("failure of " + std::to_string(which)), id(which) {}
  int id;
};

// The model.

enum class how { value, error, timeout, cancelled };

struct ending {
  how what;
  std::int64_t time;
  int error = -1;  ///< which failure
};

class model {
 public:
  /// `at_stop`: when it is asked to stop. Something that is asked already when it would start never starts, but for a
  /// shield.
  ending run(const node& what, std::int64_t start, std::int64_t at_stop) {
    if (at_stop <= start && what.what != kind::shield) return {how::cancelled, start};
    switch (what.what) {
      case kind::sleep:
      case kind::fail: {
        const std::int64_t end = start + what.length;
        if (at_stop < end) return {how::cancelled, at_stop};
        log.push_back({end, what.id});
        if (what.what == kind::fail) return {how::error, end, what.id};
        return {how::value, end};
      }
      case kind::pipe:
        return through_pipe(what, start, at_stop);
      case kind::sequence: {
        ending last{how::value, start};
        for (const node& part : what.parts) {
          last = run(part, last.time, at_stop);
          if (last.what != how::value) return last;
        }
        return last;
      }
      case kind::group:
      case kind::all:
        return together(what, start, at_stop);
      case kind::time_limit:
      case kind::move_on: {
        const std::int64_t limit = start + what.length;
        const ending inner = run(what.parts[0], start, std::min(at_stop, limit));
        if (inner.what != how::cancelled || at_stop <= inner.time) return inner;
        return {what.what == kind::time_limit ? how::timeout : how::value, inner.time};
      }
      case kind::shield:
        return run(what.parts[0], start, never);
      case kind::cleanup: {
        const ending body = run(what.parts[0], start, at_stop);
        const ending clean = run(what.parts[1], body.time, never);
        if (body.what == how::error || body.what == how::timeout) return {body.what, clean.time, body.error};
        if (clean.what != how::value) return clean;
        return {body.what, clean.time};
      }
    }
    return {};
  }

  std::vector<event> log;

 private:
  static bool failed(const ending& end) { return end.what == how::error || end.what == how::timeout; }

  /// The value i is accepted when it is made and, if there are `capacity` before it, the value before those is
  /// received; it is received when it is accepted and the one before it is used up.
  ending through_pipe(const node& what, std::int64_t start, std::int64_t at_stop) {
    std::vector<std::int64_t> received;
    std::int64_t accepted = start;
    std::int64_t free = start;
    for (std::size_t i = 0; i < what.making.size(); ++i) {
      std::int64_t made = accepted + what.making[i];
      if (what.capacity == 0) {
        accepted = std::max(made, free);
      } else {
        accepted = i < what.capacity ? made : std::max(made, received[i - what.capacity]);
      }
      received.push_back(std::max(accepted, free));
      free = received.back() + what.using_up[i];
      if (received.back() < at_stop) log.push_back({received.back(), what.id});
    }
    if (at_stop < free) return {how::cancelled, at_stop};
    return {how::value, free};
  }

  /// The first error stops the others; what happened before it does not depend on that.
  ending together(const node& what, std::int64_t start, std::int64_t at_stop) {
    const std::vector<event> before = log;
    std::optional<ending> first;
    for (const node& part : what.parts) {
      const ending end = run(part, start, at_stop);
      if (failed(end) && (!first || end.time < first->time)) first = end;
    }
    log = before;
    const std::int64_t stop = first ? std::min(at_stop, first->time) : at_stop;
    ending all{how::value, start};
    for (const node& part : what.parts) {
      // Whoever fails first is not stopped by his own failure.
      const ending alone = run_quietly(part, start, at_stop);
      const bool is_first = first && failed(alone) && alone.time == first->time;
      const ending end = run(part, start, is_first ? at_stop : stop);
      if (end.what == how::cancelled) all.what = how::cancelled;
      all.time = std::max(all.time, end.time);
    }
    if (first) return {first->what, all.time, first->error};
    return all;
  }

  ending run_quietly(const node& what, std::int64_t start, std::int64_t at_stop) {
    const std::vector<event> before = log;
    const ending end = run(what, start, at_stop);
    log = before;
    return end;
  }
};

// The real thing.

class machine {
 public:
  rm::task<> run(const node& what) {
    const support::tracked here(alive);
    switch (what.what) {
      case kind::sleep:
      case kind::fail:
        co_await rm::sleep_for(std::chrono::nanoseconds(what.length));
        log.push_back({now(), what.id});
        if (what.what == kind::fail) throw failure(what.id);
        break;
      case kind::pipe:
        co_await run_pipe(what);
        break;
      case kind::sequence:
        // A shield goes first into the await: it is started even when its task was asked to stop.
        for (const node& part : what.parts) {
          if (part.what == kind::shield) {
            co_await rm::shield(run(part.parts[0]));
          } else {
            co_await run(part);
          }
        }
        break;
      case kind::group: {
        rm::nursery group;
        co_await group.run([&]() -> rm::task<> {
          for (const node& part : what.parts) group.start([this, &part] { return run(part); });
          co_return;
        });
        static_cast<void>(group.suppressed());
        break;
      }
      case kind::all: {
        std::vector<rm::task<>> parts;
        for (const node& part : what.parts) parts.push_back(run(part));
        co_await rm::when_all(std::move(parts));
        break;
      }
      case kind::time_limit:
        co_await rm::with_timeout(std::chrono::nanoseconds(what.length), run(what.parts[0]));
        break;
      case kind::move_on:
        co_await rm::move_on_after(std::chrono::nanoseconds(what.length), run(what.parts[0]));
        break;
      case kind::shield:
        co_await rm::shield(run(what.parts[0]));
        break;
      case kind::cleanup:
        co_await rm::async_finally([&] { return run(what.parts[0]); }, [&] { return run(what.parts[1]); },
                                   rm::duration::max());
        break;
    }
  }

  rm::task<> run_pipe(const node& what) {
    rm::channel<int> values(what.capacity);
    rm::nursery both;
    auto send = [&]() -> rm::task<> {
      for (std::size_t i = 0; i < what.making.size(); ++i) {
        co_await rm::sleep_for(std::chrono::nanoseconds(what.making[i]));
        co_await values.send(static_cast<int>(i));
      }
      values.close();
    };
    auto receive = [&]() -> rm::task<> {
      for (int i = 0; std::optional<int> value = co_await values.receive(); ++i) {
        if (*value != i) throw failure(what.id);
        log.push_back({now(), what.id});
        co_await rm::sleep_for(std::chrono::nanoseconds(what.using_up[static_cast<std::size_t>(i)]));
      }
    };
    auto start_both = [&]() -> rm::task<> {
      both.start(send);
      both.start(receive);
      co_return;
    };
    co_await both.run(start_both);
  }

  std::int64_t now() const { return (rm::loop::current().now() - start).count(); }

  int alive = 0;
  rm::time_point start{};
  std::vector<event> log;
};

ending run_for_real(const node& program, std::int64_t at_stop, machine& here) {
  ending end{how::value, 0};
  auto root = [&]() -> rm::task<> {
    here.start = rm::loop::current().now();
    try {
      const bool completed = co_await rm::move_on_after(std::chrono::nanoseconds(at_stop), here.run(program));
      if (!completed) end.what = how::cancelled;
    } catch (const failure& error) {
      end.what = how::error;
      end.error = error.id;
    } catch (const rm::timeout_error&) {
      end.what = how::timeout;
    }
    end.time = here.now();
  };
  support::run(root());
  return end;
}

void sort_by_time(std::vector<event>& log) {
  std::sort(log.begin(), log.end(), [](const event& a, const event& b) { return a.time < b.time; });
}

bool agree(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const node program = generator(seed).make(1 + static_cast<int>(random() % 5));
  const auto at_stop = static_cast<std::int64_t>(1 + random() % (std::uint64_t{1} << 42));

  model expected;
  const ending expected_end = expected.run(program, 0, at_stop);
  machine seen;
  const ending end = run_for_real(program, at_stop, seen);

  sort_by_time(expected.log);
  CHECK(seen.alive == 0);
  CHECK(end.what == expected_end.what);
  CHECK(end.time == expected_end.time);
  CHECK(end.error == expected_end.error);
  CHECK(seen.log == expected.log);
  return seen.alive == 0 && end.what == expected_end.what && seen.log == expected.log;
}

}  // namespace

TEST_CASE("ten thousand random structured programs do what a model of the semantics says") {
  rm::set_log_hook([](rm::log_level, std::string_view) noexcept {});  // clean-ups that fail too are logged
  for (const std::uint64_t seed : support::numbers_or_drawn(10'000)) {
    CAPTURE(seed);
    if (!agree(seed)) break;
  }
  rm::set_log_hook(nullptr);
}
