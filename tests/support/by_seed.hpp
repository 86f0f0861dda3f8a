// Test cases by seeds: what a test runs, in a world that a seed decides on. A test program that is started with
// `--seeds N` (seeds_main.cpp) draws a test case for each seed; the test's own `run` and `on_each_kernel_and_simulated`
// then come here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {
class ring_options;
}

namespace support {

/// Thrown by what a test case does on Linux, or with a clock of its own.
class not_simulated : public std::exception {
 public:
  const char* what() const noexcept override { return "not by seeds"; }
};

/// Thrown by what a test case begins after it was harmed already.
class already_harmed : public std::exception {
 public:
  const char* what() const noexcept override { return "the test case has been cancelled before"; }
};

/// What the seed does to the test case beyond what it must not notice. Its checks count only when that is nothing; but
/// it has to end, with no task, descriptor or operation left, in any case.
enum class harm : std::uint8_t {
  none,
  cancel,     ///< its root task is cancelled, at any moment
  no_memory,  ///< an allocation fails, any one
};

/// What a seed decides for one test case.
class seeded_case {
 public:
  seeded_case(std::uint64_t seed, harm what);
  ~seeded_case();
  seeded_case(const seeded_case&) = delete;
  seeded_case& operator=(const seeded_case&) = delete;

  /// That of the test case that runs, or null: this program does not run by seeds.
  static seeded_case* current() noexcept { return current_; }

  // What a test case says about itself; nothing in a program that does not run by seeds.

  /// It cannot run in a simulated world.
  static void not_by_seeds();
  /// It could not end well: it has tasks that only it can end, or needs the memory that it asks for. Throws
  /// `already_harmed` if it was cancelled before: it has gone on, but will not come back from its next wait.
  static void without_harm();

  /// 0 to `count` - 1.
  std::size_t draw(std::size_t count) noexcept;
  harm what() const noexcept;
  bool was_used() const noexcept;
  std::uint64_t hash() const noexcept;    ///< of all that has happened
  std::uint64_t events() const noexcept;  ///< of kernels, entries, completions, and resumed tasks

 private:
  friend class seeded_loop;
  class state;
  static inline seeded_case* current_ = nullptr;
  std::unique_ptr<state> state_;
};

/// A ring and a loop on a simulated kernel of the current case.
class seeded_loop {
 public:
  /// Only waiting takes time, and as long as it was to: as with rm::testing::virtual_clock.
  seeded_loop();
  /// Each call takes a little, too.
  explicit seeded_loop(const ringmill::ring_options& sizes);
  ~seeded_loop();
  seeded_loop(const seeded_loop&) = delete;
  seeded_loop& operator=(const seeded_loop&) = delete;

  ringmill::loop& loop() noexcept;

 private:
  class parts;
  std::unique_ptr<parts> parts_;
};

/// Runs `root` to its end on one, which is made with `settings`.
template <class T, class... Settings>
T run_by_seed(ringmill::task<T> root, const Settings&... settings) {
  seeded_loop here(settings...);
  return here.loop().run(std::move(root));
}

/// For a test case that goes through many: all of them, or, by seeds, one that is drawn.
template <class List, class Action>
void for_each_or_drawn(const List& list, Action action) {
  seeded_case* const here = seeded_case::current();
  if (here && !list.empty()) return action(list[here->draw(list.size())]);
  for (const auto& each : list) action(each);
}

/// For a test case with random numbers: 1 to `count`, or, by seeds, a single one that is drawn.
inline std::vector<std::uint64_t> numbers_or_drawn(std::uint64_t count) {
  if (seeded_case* const here = seeded_case::current()) return {1 + here->draw(std::size_t{1} << 31)};
  std::vector<std::uint64_t> all(count);
  for (std::uint64_t i = 0; i < count; ++i) all[i] = i + 1;
  return all;
}

}  // namespace support
