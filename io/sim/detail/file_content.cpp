#include <ringmill/io/sim/detail/file_content.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace ringmill::sim::detail {

namespace {

/// Calls piece(page's number, offset in the page, offset in the range, length) for each page that the range touches.
template <class Piece>
void for_each_page(std::uint64_t offset, std::uint64_t length, Piece piece) {
  for (std::uint64_t done = 0; done < length;) {
    const std::uint64_t at = offset + done;
    const std::uint64_t in_page = at % file_content::page_size;
    const std::uint64_t count = std::min(length - done, file_content::page_size - in_page);
    piece(at / file_content::page_size, static_cast<std::size_t>(in_page), static_cast<std::size_t>(done),
          static_cast<std::size_t>(count));
    done += count;
  }
}

}  // namespace

std::size_t file_content::pages_wanted(std::uint64_t offset, std::uint64_t length) const noexcept {
  if (length == 0) return 0;
  const std::uint64_t first = offset / page_size;
  const std::uint64_t end = (offset + length - 1) / page_size + 1;
  const auto there = std::distance(now_.pages.lower_bound(first), now_.pages.lower_bound(end));
  return static_cast<std::size_t>(end - first) - static_cast<std::size_t>(there);
}

std::size_t file_content::read(std::uint64_t offset, std::span<std::byte> to) const noexcept {
  if (offset >= now_.size) return 0;
  const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), now_.size - offset));
  for_each_page(offset, length, [&](std::uint64_t number, std::size_t in_page, std::size_t done, std::size_t count) {
    const auto found = now_.pages.find(number);
    if (found == now_.pages.end()) {
      std::fill_n(to.begin() + static_cast<std::ptrdiff_t>(done), count, std::byte{0});
    } else {
      std::copy_n(found->second->begin() + static_cast<std::ptrdiff_t>(in_page), count,
                  to.begin() + static_cast<std::ptrdiff_t>(done));
    }
  });
  return length;
}

/// A page of its own, not one that is shared with the disk's version.
file_content::page& file_content::page_to_write(std::uint64_t number) {
  std::shared_ptr<page>& here = now_.pages[number];
  if (!here) {
    here = std::make_shared<page>();
  } else if (here.use_count() > 1) {
    here = std::make_shared<page>(*here);
  }
  dirty_.insert(number);
  return *here;
}

void file_content::write(std::uint64_t offset, std::span<const std::byte> from) {
  for_each_page(offset, from.size(),
                [&](std::uint64_t number, std::size_t in_page, std::size_t done, std::size_t count) {
                  std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(done), count,
                              page_to_write(number).begin() + static_cast<std::ptrdiff_t>(in_page));
                });
  if (!from.empty()) grow_to(offset + from.size());
}

void file_content::resize(std::uint64_t size) {
  for (auto gone = now_.pages.lower_bound((size + page_size - 1) / page_size); gone != now_.pages.end();) {
    dirty_.insert(gone->first);
    gone = now_.pages.erase(gone);
  }
  const std::uint64_t last = size / page_size;
  if (size < now_.size && size % page_size != 0 && now_.pages.count(last) > 0) {
    page& cut = page_to_write(last);
    std::fill(cut.begin() + static_cast<std::ptrdiff_t>(size % page_size), cut.end(), std::byte{0});
  }
  now_.size = size;
}

void file_content::allocate(std::uint64_t offset, std::uint64_t length) {
  for_each_page(offset, length, [&](std::uint64_t number, std::size_t, std::size_t, std::size_t) {
    if (now_.pages.count(number) == 0) page_to_write(number);
  });
}

void file_content::sync() {
  for (const std::uint64_t number : dirty_) {
    const auto found = now_.pages.find(number);
    if (found == now_.pages.end()) {
      synced_.pages.erase(number);
    } else {
      synced_.pages[number] = found->second;
    }
  }
  dirty_.clear();
  synced_.size = now_.size;
}

void file_content::drop() {
  now_ = synced_;
  dirty_.clear();
}

std::shared_ptr<file_content::page> file_content::survivor(const page_map::mapped_type& old,
                                                           const page_map::mapped_type& latest,
                                                           const crash_decisions& random) const {
  constexpr std::uint64_t sectors = page_size / sector_size;
  const std::uint64_t fate = random() % 4;
  if (fate == 0) return old;
  if (fate == 1) return latest;
  const auto torn = old ? std::make_shared<page>(*old) : std::make_shared<page>();
  const auto new_bytes = static_cast<std::ptrdiff_t>(random() % (sectors + 1) * sector_size);
  if (latest) {
    std::copy(latest->begin(), latest->begin() + new_bytes, torn->begin());
  } else {
    std::fill(torn->begin(), torn->begin() + new_bytes, std::byte{0});
  }
  return torn;
}

void file_content::crash(const crash_decisions& random) {
  version left = synced_;
  if (now_.size != synced_.size && random() % 2 == 0) left.size = now_.size;
  for (const std::uint64_t number : dirty_) {
    const auto old = synced_.pages.find(number);
    const auto latest = now_.pages.find(number);
    auto left_over = survivor(old == synced_.pages.end() ? nullptr : old->second,
                              latest == now_.pages.end() ? nullptr : latest->second, random);
    if (left_over) {
      left.pages[number] = std::move(left_over);
    } else {
      left.pages.erase(number);
    }
  }
  now_ = std::move(left);
  dirty_.clear();
  const std::uint64_t size = std::exchange(now_.size, now_.size + page_size);
  resize(size);  // what lies behind the end is cut off
  synced_ = now_;
  dirty_.clear();
}

}  // namespace ringmill::sim::detail
