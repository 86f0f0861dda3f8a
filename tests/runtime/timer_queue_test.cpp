#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include <ringmill/runtime/timer_queue.hpp>

namespace rm = ringmill;

namespace {
class noting_timer : public rm::timer {
 public:
  noting_timer(std::vector<int>& log, int number) : timer(&note), log_(log), number_(number) {}

 private:
  static void note(timer& self) noexcept {
    auto& mine = static_cast<noting_timer&>(self);
    mine.log_.push_back(mine.number_);
  }
  std::vector<int>& log_;
  int number_;
};
}  // namespace

TEST_CASE("timers fire in order of their deadlines, equal ones in the order they were armed") {
  std::vector<int> log;
  rm::timer_queue queue;
  const rm::time_point start{};
  noting_timer late(log, 3), first(log, 1), second(log, 2);
  queue.arm(late, start + std::chrono::seconds(2));
  queue.arm(first, start + std::chrono::seconds(1));
  queue.arm(second, start + std::chrono::seconds(1));
  CHECK(queue.next_deadline() == start + std::chrono::seconds(1));
  queue.fire_until(start + std::chrono::seconds(1));
  CHECK(log == std::vector<int>{1, 2});
  queue.fire_until(start + std::chrono::seconds(2));
  CHECK(log == std::vector<int>{1, 2, 3});
  CHECK(queue.empty());
}

TEST_CASE("ten thousand random timers, half of them disarmed, fire in sorted order") {
  std::vector<int> log;
  rm::timer_queue queue;
  std::mt19937 random(1);
  std::vector<std::unique_ptr<noting_timer>> timers;
  std::vector<std::pair<int, int>> expected;
  for (int i = 0; i < 10'000; ++i) {
    const int when = static_cast<int>(random() % 1000);
    timers.push_back(std::make_unique<noting_timer>(log, i));
    queue.arm(*timers.back(), rm::time_point(std::chrono::nanoseconds(when)));
    expected.emplace_back(when, i);
  }
  for (int i = 9'999; i >= 0; i -= 2) {
    queue.disarm(*timers[static_cast<std::size_t>(i)]);
    expected.erase(expected.begin() + i);
  }
  std::sort(expected.begin(), expected.end());  // by time, then by the order in which they were armed
  queue.fire_until(rm::time_point(std::chrono::nanoseconds(1000)));
  REQUIRE(log.size() == expected.size());
  for (std::size_t i = 0; i < log.size(); ++i) REQUIRE(log[i] == expected[i].second);
}

namespace {

/// What a queue of timers should do, by the plainest means.
class sorted_timers {
 public:
  void arm(rm::time_point deadline, int number) { deadlines_.emplace(std::pair(deadline, armed_++), number); }
  void disarm(int number) {
    std::erase_if(deadlines_, [&](const auto& entry) { return entry.second == number; });
  }
  std::vector<int> fire_until(rm::time_point now) {
    std::vector<int> fired;
    while (!deadlines_.empty() && deadlines_.begin()->first.first <= now) {
      fired.push_back(deadlines_.begin()->second);
      deadlines_.erase(deadlines_.begin());
    }
    return fired;
  }
  std::optional<rm::time_point> next_deadline() const {
    return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first.first);
  }
  std::size_t size() const { return deadlines_.size(); }

 private:
  std::map<std::pair<rm::time_point, int>, int> deadlines_;
  int armed_ = 0;
};

/// Between nothing and the end of time, each magnitude as likely as the other.
rm::duration any_length(std::mt19937_64& random) {
  const auto bits = random() % 64;
  return rm::duration(bits == 0 ? 0 : static_cast<std::int64_t>(random() >> (64 - bits)));
}

}  // namespace

TEST_CASE("timers of all magnitudes, armed and disarmed while time goes on, fire as a sorted list of them would") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::vector<int> log;
    rm::timer_queue queue;
    sorted_timers model;
    std::vector<std::unique_ptr<noting_timer>> timers;
    rm::time_point now(any_length(random) / 4);
    queue.fire_until(now);
    for (int step = 0; step < 300; ++step) {
      const auto what = random() % 8;
      if (what < 5) {
        const rm::time_point deadline = rm::saturating_add(now, any_length(random));
        timers.push_back(std::make_unique<noting_timer>(log, static_cast<int>(timers.size())));
        queue.arm(*timers.back(), deadline);
        CHECK(timers.back()->deadline() == deadline);
        model.arm(deadline, static_cast<int>(timers.size()) - 1);
      } else if (what < 6 && !timers.empty()) {
        const auto which = random() % timers.size();
        queue.disarm(*timers[which]);
        CHECK(!timers[which]->is_armed());
        model.disarm(static_cast<int>(which));
      } else {
        const std::optional<rm::time_point> exact = model.next_deadline();
        const std::optional<rm::time_point> next = queue.next_deadline();
        REQUIRE(next.has_value() == exact.has_value());
        if (exact) {
          REQUIRE(*next <= *exact);
          // At most once it may come too early for anything, or a loop that waits for it would spin.
          log.clear();
          queue.fire_until(now);
          REQUIRE(log == model.fire_until(now));
          REQUIRE((queue.empty() || *queue.next_deadline() > now));
        }
        // To the next one, or anywhere.
        now = exact && what == 6 ? std::max(now, *next) : rm::saturating_add(now, any_length(random) / 16);
        log.clear();
        queue.fire_until(now);
        REQUIRE(log == model.fire_until(now));
      }
      REQUIRE(queue.size() == model.size());
    }
    for (auto& item : timers) queue.disarm(*item);
    CHECK(queue.empty());
    CHECK(!queue.next_deadline());
  }
}

TEST_CASE("a crowd of timers of one length fires in order, whatever else is armed while the first of them are over") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::vector<int> log;
    rm::timer_queue queue;
    sorted_timers model;
    std::vector<std::unique_ptr<noting_timer>> timers;
    rm::time_point now(std::chrono::seconds(1));
    queue.fire_until(now);
    auto arm = [&](rm::duration length) {
      const int number = static_cast<int>(timers.size());
      timers.push_back(std::make_unique<noting_timer>(log, number));
      queue.arm(*timers.back(), now + length);
      model.arm(now + length, number);
    };
    auto go_on_until = [&](rm::time_point when) {
      now = std::max(now, when);
      log.clear();
      queue.fire_until(now);
      REQUIRE(log == model.fire_until(now));
    };
    const rm::duration length = std::chrono::microseconds(1 + random() % 1'000'000);
    for (int i = 0; i < 200; ++i) {
      arm(length);
      if (random() % 4 == 0) go_on_until(now + std::chrono::nanoseconds(random() % 10'000));
    }
    while (model.size() > 0) {
      REQUIRE(queue.next_deadline() <= model.next_deadline());
      go_on_until(*queue.next_deadline());
      // What was fired last was not the last of its slot. All of these come before, among or behind the rest of it.
      if (random() % 4 == 0) arm(std::chrono::nanoseconds(random() % 2'000));
      if (random() % 8 == 0) arm(std::chrono::nanoseconds(random() % 1'000'000));
      if (random() % 8 == 0 && timers.size() < 1'000) arm(length);
      if (random() % 16 == 0) {
        const auto which = random() % timers.size();
        queue.disarm(*timers[which]);
        model.disarm(static_cast<int>(which));
      }
    }
    CHECK(queue.empty());
  }
}

TEST_CASE("the next deadline is exact among timers that are in order") {
  std::vector<int> log;
  rm::timer_queue queue;
  std::vector<std::unique_ptr<noting_timer>> timers;
  const rm::time_point deadline(std::chrono::seconds(100));
  for (int i = 0; i < 1000; ++i) {
    timers.push_back(std::make_unique<noting_timer>(log, i));
    queue.arm(*timers.back(), deadline + std::chrono::milliseconds(i / 2));
  }
  for (int i = 0; i < 500; ++i) {
    const rm::time_point due = deadline + std::chrono::milliseconds(i);
    REQUIRE(queue.next_deadline() == due);
    queue.fire_until(due);
    REQUIRE(log == std::vector<int>{2 * i, 2 * i + 1});
    log.clear();
  }
  CHECK(queue.empty());
}

TEST_CASE(
    "a slot whose timers were all disarmed begins anew: the next deadline is exact among those that come in order") {
  std::vector<int> log;
  rm::timer_queue queue;
  const rm::time_point deadline(std::chrono::seconds(100));
  noting_timer late(log, 1), early(log, 2);
  queue.arm(late, deadline + std::chrono::microseconds(2));
  queue.arm(early, deadline + std::chrono::microseconds(1));
  queue.disarm(late);
  queue.disarm(early);
  std::vector<std::unique_ptr<noting_timer>> timers;
  for (int i = 0; i < 20; ++i) {
    timers.push_back(std::make_unique<noting_timer>(log, i));
    queue.arm(*timers.back(), deadline + std::chrono::nanoseconds(3 + i));
  }
  CHECK(queue.next_deadline() == deadline + std::chrono::nanoseconds(3));
  for (auto& item : timers) queue.disarm(*item);
}

TEST_CASE("the next deadline is exact among a few timers in any order, and comes closer until it is among many") {
  std::vector<int> log;
  rm::timer_queue queue;
  rm::time_point now;
  queue.fire_until(now);
  const rm::time_point deadline(std::chrono::seconds(100));
  std::vector<std::unique_ptr<noting_timer>> timers;
  for (int i = 0; i < 1000; ++i) {
    timers.push_back(std::make_unique<noting_timer>(log, i));
    queue.arm(*timers.back(), deadline + std::chrono::nanoseconds(i == 0 ? 1 : i == 1 ? 0 : i));
    if (i > 0 && i < 8) CHECK(queue.next_deadline() == deadline);
  }
  int steps = 0;
  for (; log.empty(); ++steps) {
    REQUIRE(queue.next_deadline() > now);
    now = *queue.next_deadline();
    queue.fire_until(now);
  }
  CHECK(now == deadline);
  CHECK(steps <= 11);  // one for each digit
  CHECK(log == std::vector<int>{1});
  for (auto& item : timers) queue.disarm(*item);
}

TEST_CASE("a timer that fires may disarm others that are due at the same time") {
  static rm::timer_queue* queue_of_all;
  static rm::timer* victim;
  std::vector<int> log;
  rm::timer_queue queue;
  queue_of_all = &queue;
  noting_timer second(log, 2), third(log, 3);
  victim = &second;
  rm::timer first([](rm::timer&) noexcept { queue_of_all->disarm(*victim); });
  const rm::time_point deadline(std::chrono::seconds(1));
  queue.arm(first, deadline);
  queue.arm(second, deadline);
  queue.arm(third, deadline);
  queue.fire_until(deadline);
  CHECK(log == std::vector<int>{3});
  CHECK(queue.empty());
}

TEST_CASE("what a timer that fires arms for a moment that is over fires in the same call, before what is not due") {
  struct arming_timer : rm::timer {
    arming_timer(rm::timer_queue& in, rm::timer& of, rm::time_point at)
        : timer(&arm), queue(in), armed(of), deadline(at) {}
    static void arm(rm::timer& self) noexcept {
      auto& mine = static_cast<arming_timer&>(self);
      mine.queue.arm(mine.armed, mine.deadline);
    }
    rm::timer_queue& queue;
    rm::timer& armed;
    rm::time_point deadline;
  };
  const rm::time_point due(std::chrono::seconds(100));
  for (const rm::time_point moment : {due, due - std::chrono::seconds(1), rm::time_point::min()}) {
    std::vector<int> log;
    rm::timer_queue queue;
    noting_timer armed(log, 1), later(log, 2);
    arming_timer first(queue, armed, moment);
    queue.arm(first, due);
    queue.arm(later, due + std::chrono::nanoseconds(500));
    queue.fire_until(due);
    CHECK(log == std::vector<int>{1});
    queue.fire_until(due + std::chrono::nanoseconds(500));
    CHECK(log == std::vector<int>{1, 2});
  }
}

TEST_CASE("a deadline that is over already counts as the present one's") {
  std::vector<int> log;
  rm::timer_queue queue;
  const rm::time_point now(std::chrono::seconds(5));
  queue.fire_until(now);
  noting_timer present(log, 1), over(log, 2), first_of_all(log, 3);
  queue.arm(present, now);
  queue.arm(over, rm::time_point(std::chrono::seconds(1)));
  queue.arm(first_of_all, rm::time_point::min());
  CHECK(first_of_all.is_armed());
  queue.fire_until(now);
  CHECK(log == std::vector<int>{1, 2, 3});
}
