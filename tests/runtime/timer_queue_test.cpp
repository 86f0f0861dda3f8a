#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
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
