// Deadlines, in a timing wheel of many levels that is exact: timers fire in the order of their deadlines, equal ones in
// the order in which they were armed.
//
// A deadline is read as a number of eleven digits of six bits. A timer lies in the slot of the highest digit in which
// its deadline differs from the present. When the present comes to that slot, its timers move on to lower digits: a
// radix sort, done only as far as it is needed: where they lie in order already, as those of equal lengths do, they
// fire from where they are. Arming and disarming take the same few steps however many timers there are, and no memory.
// See docs/design/timers.md.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/driver.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill {

class timer_queue;

namespace detail {

/// What is linked in a ring: a timer, or the head of a slot, which stands before the first and after the last.
class timer_link {
 protected:
  timer_link() noexcept = default;
  ~timer_link() = default;
  bool is_linked() const noexcept { return next_ != nullptr; }

 private:
  friend class ringmill::timer_queue;
  timer_link* next_ = nullptr;
  timer_link* previous_ = nullptr;
};

}  // namespace detail

/// A place in the queue, inside of what waits for it. Must not move while armed. `fire` runs in the loop and may only
/// wake waiters and ask for cancels.
class timer : private detail::timer_link {
 public:
  using function = void (*)(timer&) noexcept;
  explicit timer(function fire) noexcept : fire_(fire) {}
  /// A timer moves with the awaiter that it is part of, before that has started.
  timer(timer&& other) noexcept : fire_(other.fire_) { RINGMILL_CHECK(!other.is_armed(), "an armed timer was moved"); }
  timer& operator=(const timer&) = delete;
  ~timer() { RINGMILL_CHECK(!is_armed(), "an armed timer was destroyed: disarm it first"); }

  bool is_armed() const noexcept { return is_linked(); }
  /// The end of time if it is not armed.
  time_point deadline() const noexcept { return is_armed() ? deadline_ : time_point::max(); }

 private:
  friend class timer_queue;
  function fire_;
  time_point deadline_;
};

class RINGMILL_API timer_queue {
 public:
  timer_queue() noexcept = default;
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  /// When `fire_until` has something to do next: not after the next deadline. It is exactly that if the timers that
  /// share its slot are in order, or up to eight; else the slot's beginning, since looking at each would take too long.
  std::optional<time_point> next_deadline() noexcept;

  /// `item` must not be armed. A deadline that is over already is the next `fire_until`'s.
  void arm(timer& item, time_point deadline) noexcept {
    RINGMILL_CHECK(!item.is_armed(), "a timer was armed twice");
    item.deadline_ = deadline;
    place(item);
    ++size_;
  }
  /// Nothing happens if it is not armed.
  void disarm(timer& item) noexcept {
    if (!item.is_armed()) return;
    unlink(item);
    --size_;
  }
  /// Fires all whose deadline is not after `now`, in order.
  void fire_until(time_point now) noexcept;

 private:
  using link = detail::timer_link;
  using ticks = std::uint64_t;  ///< a time_point, with the beginning of time as 0
  static constexpr int digit_bits = 6;
  static constexpr int slots = 1 << digit_bits;
  static constexpr int levels = (64 + digit_bits - 1) / digit_bits;
  class head : public link {};
  struct position {
    int level;
    int index;
  };

  static ticks ticks_of(time_point when) noexcept;
  static time_point time_of(ticks when) noexcept;
  static void append(link& item, link& ring) noexcept;
  static void unlink(link& item) noexcept;

  void place(timer& item) noexcept;
  std::optional<position> find_first() noexcept;
  ticks beginning_of(position slot) const noexcept;
  static std::optional<ticks> earliest_of(const head& ring) noexcept;
  void empty_into(head& ring, position slot) noexcept;
  void spread(position slot, ticks now) noexcept;

  bool is_in_order(position slot) const noexcept { return in_order_[slot.level] >> slot.index & 1; }

  /// No timer is before it; every slot above the lowest level that has timers begins after it. It never goes back.
  ticks present_ = 0;
  std::size_t size_ = 0;
  std::uint64_t occupied_[levels] = {};  ///< a bit for each slot; one whose last timer was disarmed may still be set
  std::uint64_t in_order_[levels] = {};  ///< the deadlines of an occupied slot's timers do not fall
  head heads_[levels][slots];            ///< linked only where it is occupied
};

inline timer_queue::ticks timer_queue::ticks_of(time_point when) noexcept {
  constexpr ticks sign = ticks{1} << 63;
  return static_cast<ticks>(when.time_since_epoch().count()) ^ sign;
}

inline void timer_queue::append(link& item, link& ring) noexcept {
  item.next_ = &ring;
  item.previous_ = ring.previous_;
  ring.previous_->next_ = &item;
  ring.previous_ = &item;
}

inline void timer_queue::unlink(link& item) noexcept {
  item.previous_->next_ = item.next_;
  item.next_->previous_ = item.previous_;
  item.next_ = nullptr;
}

inline void timer_queue::place(timer& item) noexcept {
  const ticks deadline = ticks_of(item.deadline_);
  const ticks when = deadline < present_ ? present_ : deadline;
  const int level = static_cast<int>(std::bit_width((when ^ present_) | 1) - 1) / digit_bits;
  const int index = static_cast<int>((when >> (level * digit_bits)) % slots);
  head& ring = heads_[level][index];
  const std::uint64_t bit = std::uint64_t{1} << index;
  if (!(occupied_[level] & bit)) {
    occupied_[level] |= bit;
    in_order_[level] |= bit;
    ring.next_ = ring.previous_ = &ring;
  } else if (ring.previous_ == &ring) {  // all were disarmed
    in_order_[level] |= bit;
  } else if (item.deadline_ < static_cast<const timer*>(ring.previous_)->deadline_) {
    in_order_[level] &= ~bit;
  }
  append(item, ring);
}

}  // namespace ringmill
