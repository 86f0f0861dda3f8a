// The bytes of a file in memory, as programs see them and as the disk has them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>

#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/detail/shared_ptr.hpp>

namespace ringmill::sim::detail {

/// Gives random numbers, from which is drawn what a crash does to what was not synced.
using crash_decisions = std::function<std::uint64_t()>;

/// Sparse: pages that were never written are holes, which read as zeros and take no room. A write is on the disk when
/// it has been synced, and perhaps earlier. Both versions share the pages in which they do not differ.
class file_content {
 public:
  static constexpr std::size_t page_size = 4096;
  static constexpr std::size_t sector_size = 512;  ///< written as a whole or not at all

  std::uint64_t size() const noexcept { return now_.size; }
  /// Pages that take up room.
  std::size_t pages() const noexcept { return now_.pages.size(); }
  /// How many more a write of this range would take.
  std::size_t pages_wanted(std::uint64_t offset, std::uint64_t length) const noexcept;

  /// Fills `to` from `offset` on; fewer bytes, or 0, at the end.
  std::size_t read(std::uint64_t offset, std::span<std::byte> to) const noexcept;
  void write(std::uint64_t offset, std::span<const std::byte> from);
  /// Pages behind the new end are given back.
  void resize(std::uint64_t size);
  /// Gives each hole of the range a page, which may lie behind the end.
  void allocate(std::uint64_t offset, std::uint64_t length);
  void grow_to(std::uint64_t size) noexcept { now_.size = size > now_.size ? size : now_.size; }

  /// All is on the disk now.
  void sync();
  /// The disk has failed to take what was not on it, and the system forgets that it has to be written (as Linux does: a
  /// later sync does not tell).
  void forget_unsynced() noexcept { dirty_.clear(); }
  /// Nobody can read it any more: only what is on the disk is left, in case that the name comes back with a crash.
  void drop();

  /// The machine stops: of each page and the size that were not synced the old or the new version is left, or a page's
  /// first sectors are new and its other ones old.
  void crash(const crash_decisions& random);

 private:
  using page = std::array<std::byte, page_size>;
  using page_map = std::map<std::uint64_t, std::shared_ptr<page>>;  ///< by number
  struct version {
    page_map pages;
    std::uint64_t size = 0;
  };

  page& page_to_write(std::uint64_t number);
  std::shared_ptr<page> survivor(const page_map::mapped_type& old, const page_map::mapped_type& latest,
                                 const crash_decisions& random) const;

  version now_;
  version synced_;
  std::set<std::uint64_t> dirty_;  ///< pages in which they may differ, and which are to be written
};

}  // namespace ringmill::sim::detail
