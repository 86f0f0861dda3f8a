// The least that a queue of timers can be: a wheel of lists. Its timers fire to the millisecond and in no order within
// it, and what is a turn of the wheel ahead is looked at in each turn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace limits {

class timer_wheel {
 public:
  class node {
   private:
    friend timer_wheel;
    node* next_ = this;
    node* previous_ = this;
    std::uint64_t deadline_ = 0;
  };

  /// In nanoseconds since any time, the same for all.
  void arm(node& item, std::uint64_t deadline) noexcept {
    node& list = slots_[slot_of(deadline)];
    item.deadline_ = deadline;
    item.next_ = &list;
    item.previous_ = list.previous_;
    list.previous_->next_ = &item;
    list.previous_ = &item;
  }

  void disarm(node& item) noexcept {
    item.previous_->next_ = item.next_;
    item.next_->previous_ = item.previous_;
  }

  /// Calls `fire(node)` for all whose millisecond is not after that of `now`, less than a turn after the last call.
  template <class Function>
  void fire_until(std::uint64_t now, Function&& fire) {
    for (; passed_ <= now / slot_length; ++passed_) {
      node& list = slots_[passed_ % slots];
      for (node* item = list.next_; item != &list;) {
        node& here = *std::exchange(item, item->next_);
        if (here.deadline_ / slot_length > passed_) continue;
        disarm(here);
        fire(here);
      }
    }
  }

 private:
  static constexpr std::uint64_t slot_length = 1 << 20;  // nearly a millisecond
  static constexpr std::size_t slots = 4096;
  static std::size_t slot_of(std::uint64_t deadline) noexcept { return deadline / slot_length % slots; }

  std::array<node, slots> slots_;
  std::uint64_t passed_ = 0;
};

}  // namespace limits
