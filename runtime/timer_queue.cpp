#include <ringmill/runtime/timer_queue.hpp>

#include <algorithm>

namespace ringmill {

time_point timer_queue::time_of(ticks when) noexcept {
  constexpr ticks sign = ticks{1} << 63;
  return time_point(duration(static_cast<duration::rep>(when ^ sign)));
}

/// Whatever lies at a lower level is before all that lies at a higher one, and so is a lower slot of the same level.
std::optional<timer_queue::position> timer_queue::find_first() noexcept {
  for (int level = 0; level < levels; ++level) {
    while (occupied_[level] != 0) {
      const int index = std::countr_zero(occupied_[level]);
      const head& ring = heads_[level][index];
      if (ring.next_ != &ring) return position{level, index};
      occupied_[level] &= occupied_[level] - 1;  // all were disarmed
    }
  }
  return std::nullopt;
}

/// The present with this digit in the place of its own, and none below.
timer_queue::ticks timer_queue::beginning_of(position slot) const noexcept {
  const int shift = slot.level * digit_bits;
  const ticks higher = slot.level == levels - 1 ? 0 : present_ >> (shift + digit_bits) << (shift + digit_bits);
  return higher | static_cast<ticks>(slot.index) << shift;
}

std::optional<time_point> timer_queue::next_deadline() noexcept {
  if (empty()) return std::nullopt;
  const std::optional<position> first = find_first();
  if (!first) return std::nullopt;
  const head& ring = heads_[first->level][first->index];
  if (is_in_order(*first)) return static_cast<const timer*>(ring.next_)->deadline_;
  return time_of(earliest_of(ring).value_or(beginning_of(*first)));
}

/// Nothing if there are too many to look at each.
std::optional<timer_queue::ticks> timer_queue::earliest_of(const head& ring) noexcept {
  constexpr int most = 8;
  ticks earliest = ticks_of(time_point::max());
  int count = 0;
  for (const link* item = ring.next_; item != &ring; item = item->next_) {
    if (++count > most) return std::nullopt;
    earliest = std::min(earliest, ticks_of(static_cast<const timer*>(item)->deadline_));
  }
  return earliest;
}

void timer_queue::fire_until(time_point now_point) noexcept {
  const ticks now = ticks_of(now_point);
  while (const std::optional<position> first = find_first()) {
    if (beginning_of(*first) > now) break;
    if (first->level > 0 && !is_in_order(*first)) {
      spread(*first, now);
      continue;
    }
    // The present stays before the slot while something is in it. So what is armed meanwhile comes into it as well, and
    // behind what is there.
    timer& due = static_cast<timer&>(*heads_[first->level][first->index].next_);
    if (due.deadline_ > now_point) return;
    disarm(due);
    due.fire_(due);  // may arm and disarm others: the next one is looked for afresh
  }
  present_ = std::max(present_, now);
}

/// The ring of the slot, with `ring` as its head instead.
void timer_queue::empty_into(head& ring, position slot) noexcept {
  head& from = heads_[slot.level][slot.index];
  occupied_[slot.level] &= ~(std::uint64_t{1} << slot.index);
  ring.next_ = from.next_;
  ring.previous_ = from.previous_;
  ring.next_->previous_ = ring.previous_->next_ = &ring;
}

/// To lower levels: those of few timers to the lowest that there are for them, as seen from the first of them.
void timer_queue::spread(position slot, ticks now) noexcept {
  head ring;
  empty_into(ring, slot);
  present_ = std::max(present_, std::min(now, earliest_of(ring).value_or(beginning_of(slot))));
  for (link* item = ring.next_; item != &ring;) {
    timer& here = static_cast<timer&>(*item);
    item = item->next_;
    place(here);
  }
}

}  // namespace ringmill
