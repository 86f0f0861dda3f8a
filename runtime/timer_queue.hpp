// Deadlines, in a 4-ary heap: the next one is exact, and equal ones fire in the order in which they were armed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill {

/// A place in the queue, inside of what waits for it. Must not move while armed. `fire` runs in the loop and may only
/// wake waiters and ask for cancels.
class timer {
 public:
  using function = void (*)(timer&) noexcept;
  explicit timer(function fire) noexcept : fire_(fire) {}
  /// A timer moves with the awaiter that it is part of, before that has started.
  timer(timer&& other) noexcept : fire_(other.fire_) { RINGMILL_CHECK(!other.is_armed(), "an armed timer was moved"); }
  timer& operator=(const timer&) = delete;

  bool is_armed() const noexcept { return index_ != unarmed; }

 private:
  friend class timer_queue;
  static constexpr std::uint32_t unarmed = UINT32_MAX;
  function fire_;
  std::uint32_t index_ = unarmed;
};

class RINGMILL_API timer_queue {
 public:
  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }
  std::optional<time_point> next_deadline() const noexcept {
    return heap_.empty() ? std::nullopt : std::optional(heap_.front().deadline);
  }

  /// The end of time if it is not armed.
  time_point deadline_of(const timer& item) const noexcept {
    return item.is_armed() ? heap_[item.index_].deadline : time_point::max();
  }

  /// `item` must not be armed.
  void arm(timer& item, time_point deadline);
  /// Nothing happens if it is not armed.
  void disarm(timer& item) noexcept;
  /// Fires all whose deadline is not after `now`, in order.
  void fire_until(time_point now) noexcept;

 private:
  struct entry {
    time_point deadline;
    std::uint64_t sequence;
    timer* item;
    bool before(const entry& other) const noexcept {
      return deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence;
    }
  };

  void place(std::size_t index, const entry& what) noexcept;
  void sift_up(std::size_t index, entry what) noexcept;
  void sift_down(std::size_t index, entry what) noexcept;

  std::vector<entry> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace ringmill
