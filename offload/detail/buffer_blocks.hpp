// Which parts of a memory are lent: blocks of a power of two units, split in halves where a smaller one is wanted, and
// put together again when both halves are free (a buddy allocator). Knows of numbers only, not of the memory.
//
// A block has holders: it is free when the last has let go.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <ringmill/runtime/error.hpp>

namespace ringmill::detail {

/// Nothing but the constructor allocates. Taking and letting go are a step for each halving.
class buffer_blocks {
 public:
  using number = std::uint32_t;  ///< of a unit; of a block: that of its first unit

  /// Below 2^31 units.
  explicit buffer_blocks(number units) : units_(units) {
    free_.fill(nobody);
    for (number at = 0; at < units;) {  // the largest blocks that lie there
      unsigned order = at == 0 ? largest_order(units) : static_cast<unsigned>(std::countr_zero(at));
      while (at + size_of_order(order) > units) --order;
      add_free(at, order);
      at += size_of_order(order);
    }
  }

  number largest_block() const noexcept { return units_.empty() ? 0 : size_of_order(largest_order(total())); }
  static constexpr number block_for(number units) noexcept { return std::bit_ceil(units); }
  /// Units in blocks that are held.
  number in_use() const noexcept { return in_use_; }

  /// A block of at least so many units, with one holder; nothing if none is free. Of the free ones the smallest that
  /// will do, and of those the last that was let go: its memory is most likely in the cache.
  std::optional<number> take(number wanted) noexcept {
    const auto order = static_cast<unsigned>(std::bit_width(block_for(wanted)) - 1);
    unsigned from = order;
    while (from < orders && free_[from] == nobody) ++from;
    if (from >= orders) return std::nullopt;
    const number block = free_[from];
    remove_free(block);
    while (from > order) {
      --from;
      add_free(block + size_of_order(from), from);
    }
    units_[block].what = unit::kind::held;
    units_[block].order = static_cast<std::uint8_t>(order);
    units_[block].holders = 1;
    in_use_ += size_of_order(order);
    return block;
  }

  void hold(number block) noexcept { ++held(block).holders; }
  /// True: that was the last holder, and the block is free.
  bool let_go(number block) noexcept {
    if (--held(block).holders != 0) return false;
    unsigned order = units_[block].order;
    in_use_ -= size_of_order(order);
    units_[block].what = unit::kind::inner;
    for (; order + 1 < orders; ++order) {
      const number buddy = block ^ size_of_order(order);
      if (buddy >= total() || units_[buddy].what != unit::kind::free || units_[buddy].order != order) break;
      remove_free(buddy);
      block = block < buddy ? block : buddy;
    }
    add_free(block, order);
    return true;
  }

  /// The block in use that has this unit.
  std::optional<number> block_of(number at) const noexcept {
    if (at >= total()) return std::nullopt;
    for (unsigned order = 0; order < orders; ++order) {
      const number first = at & ~(size_of_order(order) - 1);
      const unit& here = units_[first];
      if (here.what == unit::kind::inner) continue;
      if (here.what == unit::kind::held && here.order >= order && at - first < size_of_order(here.order)) return first;
      return std::nullopt;
    }
    return std::nullopt;
  }
  number size_of(number block) const noexcept { return size_of_order(units_[block].order); }

 private:
  static constexpr unsigned orders = 31;
  static constexpr number nobody = ~number{0};

  struct unit {
    enum class kind : std::uint8_t { inner, free, held };
    number next = nobody;  ///< in the list of free blocks of its order
    number previous = nobody;
    number holders = 0;
    kind what = kind::inner;  ///< inner: not the first of a block
    std::uint8_t order = 0;
  };

  static constexpr number size_of_order(unsigned order) noexcept { return number{1} << order; }
  static constexpr unsigned largest_order(number units) noexcept {
    return static_cast<unsigned>(std::bit_width(units) - 1);
  }
  number total() const noexcept { return static_cast<number>(units_.size()); }

  unit& held(number block) noexcept {
    RINGMILL_CHECK(units_[block].what == unit::kind::held, "a buffer of a process_pool was given back twice");
    return units_[block];
  }
  void add_free(number block, unsigned order) noexcept {
    unit& here = units_[block];
    here.what = unit::kind::free;
    here.order = static_cast<std::uint8_t>(order);
    here.previous = nobody;
    here.next = free_[order];
    if (here.next != nobody) units_[here.next].previous = block;
    free_[order] = block;
  }
  void remove_free(number block) noexcept {
    unit& here = units_[block];
    (here.previous == nobody ? free_[here.order] : units_[here.previous].next) = here.next;
    if (here.next != nobody) units_[here.next].previous = here.previous;
    here.what = unit::kind::inner;
  }

  std::vector<unit> units_;
  std::array<number, orders> free_;
  number in_use_ = 0;
};

}  // namespace ringmill::detail
