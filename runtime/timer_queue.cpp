#include <ringmill/runtime/timer_queue.hpp>

namespace ringmill {

void timer_queue::arm(timer& item, time_point deadline) {
  RINGMILL_CHECK(!item.is_armed(), "a timer was armed twice");
  heap_.emplace_back();
  sift_up(heap_.size() - 1, entry{deadline, sequence_++, &item});
}

void timer_queue::disarm(timer& item) noexcept {
  if (!item.is_armed()) return;
  const std::size_t index = item.index_;
  item.index_ = timer::unarmed;
  const entry last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  // The last entry fills the gap: it may belong above as well as below.
  if (index > 0 && last.before(heap_[(index - 1) / 4])) {
    sift_up(index, last);
  } else {
    sift_down(index, last);
  }
}

void timer_queue::fire_until(time_point now) noexcept {
  while (!heap_.empty() && heap_.front().deadline <= now) {
    timer& due = *heap_.front().item;
    disarm(due);
    due.fire_(due);
  }
}

void timer_queue::place(std::size_t index, const entry& what) noexcept {
  heap_[index] = what;
  what.item->index_ = static_cast<std::uint32_t>(index);
}

void timer_queue::sift_up(std::size_t index, entry what) noexcept {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 4;
    if (!what.before(heap_[parent])) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, what);
}

void timer_queue::sift_down(std::size_t index, entry what) noexcept {
  for (;;) {
    const std::size_t first = 4 * index + 1;
    if (first >= heap_.size()) break;
    std::size_t least = first;
    for (std::size_t child = first + 1; child < first + 4 && child < heap_.size(); ++child) {
      if (heap_[child].before(heap_[least])) least = child;
    }
    if (!heap_[least].before(what)) break;
    place(index, heap_[least]);
    index = least;
  }
  place(index, what);
}

}  // namespace ringmill
