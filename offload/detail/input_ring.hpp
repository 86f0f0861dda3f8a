// Where the arguments of the calls in flight lie in one worker's input arena. Calls end in the order in which they were
// posted, so their memory is given back in that order: no free list, no fragments.
//
// A ring, but one that goes back to the beginning as soon as there is room: small calls stay in the same few cache
// lines, and the arena's other pages are never touched.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <ringmill/offload/channel_layout.hpp>

namespace ringmill::detail {

class input_ring {
 public:
  explicit input_ring(std::size_t capacity) noexcept : capacity_(capacity) {}

  /// Where `size` bytes are free, a multiple of 64; nothing if they are not until older calls have ended.
  std::optional<std::size_t> find(std::size_t size) const noexcept {
    if (size > capacity_ || count_ == ring_entries) return std::nullopt;
    if (count_ == 0) return 0;
    const std::size_t oldest = at(0).begin;
    const std::size_t end = at(count_ - 1).end;
    if (end <= oldest) {  // free: [end, oldest)
      if (rounded(size) <= oldest - end) return end;
    } else {  // free: [0, oldest) and [end, capacity)
      if (rounded(size) <= oldest) return 0;
      if (end <= capacity_ && size <= capacity_ - end) return end;
    }
    return std::nullopt;
  }
  /// `begin` is of `find(size)`.
  void take(std::size_t begin, std::size_t size) noexcept {
    ranges_[(first_ + count_++) % ring_entries] = {begin, begin + rounded(size)};
  }
  /// Of the oldest.
  void give_back() noexcept {
    ++first_;
    --count_;
  }

 private:
  struct range {
    std::size_t begin;
    std::size_t end;  ///< rounded up: it may be behind the capacity
  };
  static constexpr std::size_t line = 64;
  static constexpr std::size_t rounded(std::size_t size) noexcept { return (size / line + 1) * line; }
  const range& at(std::uint32_t index) const noexcept { return ranges_[(first_ + index) % ring_entries]; }

  std::size_t capacity_;
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  std::array<range, ring_entries> ranges_;
};

}  // namespace ringmill::detail
