// The list of waiters that event, semaphore and their kind share: first come, first served.
#pragma once

#include <ringmill/runtime/awaiter.hpp>

namespace ringmill::detail {

class parking_list;

/// A waiter's place in a parking list; part of an awaiter.
class parked {
 public:
  parked() noexcept = default;
  parked(const parked&) = delete;
  parked& operator=(const parked&) = delete;
  waiter* who = nullptr;

 private:
  friend class parking_list;
  parked* next_ = nullptr;
  parked* previous_ = nullptr;
};

/// Doubly linked, so that a cancelled waiter leaves from the middle in O(1).
class parking_list {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  parked* front() const noexcept { return first_; }

  void park(parked& place, waiter& who) noexcept {
    place.who = &who;
    place.next_ = nullptr;
    place.previous_ = last_;
    (last_ ? last_->next_ : first_) = &place;
    last_ = &place;
  }

  void leave(parked& place) noexcept {
    (place.previous_ ? place.previous_->next_ : first_) = place.next_;
    (place.next_ ? place.next_->previous_ : last_) = place.previous_;
  }

  /// Takes the first one out and wakes it.
  void wake_front() noexcept {
    parked& place = *first_;
    leave(place);
    place.who->wake();
  }

 private:
  parked* first_ = nullptr;
  parked* last_ = nullptr;
};

}  // namespace ringmill::detail
