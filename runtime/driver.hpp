// What a loop needs below it. The ring of io/ is one; a virtual clock for tests is another.
#pragma once

#include <cstdint>
#include <optional>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/chrono.hpp>

namespace ringmill {

/// Monotonic time; a virtual driver may make it jump.
using time_point = std::chrono::steady_clock::time_point;
using duration = std::chrono::nanoseconds;

/// Source of time and of events. Its calls may wake waiters; they never resume a coroutine.
class RINGMILL_API driver {
 public:
  virtual ~driver() = default;

  virtual time_point now() noexcept = 0;

  /// Takes in what has happened, without blocking; called once a turn while tasks are ready, so it must be cheap
  /// when nothing has.
  virtual void poll() = 0;

  /// Blocks until something has happened or `deadline` is over, then takes it in. Called when nothing is ready.
  virtual void wait(std::optional<time_point> deadline) = 0;

  /// Can anything happen at all that would wake a task? If not, and no timer is armed, the loop is deadlocked.
  /// Watches in the background (a worker's futex, a signal) do not count.
  virtual bool can_wake() const noexcept = 0;

  /// A number that nobody can foresee, from the system's random device; a driver that simulates gives the same ones in
  /// each run.
  virtual std::uint64_t random();

  /// From any thread: makes a `wait`, this one or the next, come back at once.
  virtual void wake() noexcept = 0;
};

/// `start + length`, at the end of time where that would overflow.
inline time_point saturating_add(time_point start, duration length) noexcept {
  const time_point end = time_point::max();
  return length > end - start ? end : start + length;
}

}  // namespace ringmill
