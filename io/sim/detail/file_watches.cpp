#include <ringmill/io/sim/detail/file_watches.hpp>

#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ringmill::sim::detail {

bool file_watches::event::is_like(const event& other) const noexcept {
  return watch == other.watch && what == other.what && what != IN_IGNORED && name == other.name;
}

/// A name has a zero behind it, and is filled up to the next event's place.
std::size_t file_watches::event::size() const noexcept {
  constexpr std::size_t step = sizeof(inotify_event);
  return name.empty() ? step : step + (name.size() + 1 + step - 1) / step * step;
}

file_watches::file_watches(memory_file_system& of) : files_(of) { files_.watches_.push_back(this); }
file_watches::~file_watches() { std::erase(files_.watches_, this); }

file_watches::watch_map::iterator file_watches::watch_of(std::uint64_t file) {
  return std::find_if(watches_.begin(), watches_.end(),
                      [file](const watch_map::value_type& each) { return each.second.file == file; });
}

int file_watches::add(path_from where, std::uint32_t events) {
  constexpr std::uint32_t flags = IN_ONLYDIR | IN_DONT_FOLLOW | IN_MASK_ADD | IN_MASK_CREATE;
  if ((events & (IN_ALL_EVENTS | flags)) == 0) return -EINVAL;
  if ((events & (IN_EXCL_UNLINK | IN_ONESHOT)) != 0) return -EINVAL;
  if ((events & IN_MASK_ADD) != 0 && (events & IN_MASK_CREATE) != 0) return -EINVAL;
  bool is_directory = false;
  std::uint64_t file = 0;
  if (const int result = files_.find_watched(where, (events & IN_DONT_FOLLOW) == 0, file, is_directory); result < 0) {
    return result;
  }
  if ((events & IN_ONLYDIR) != 0 && !is_directory) return -ENOTDIR;
  const auto known = watch_of(file);
  if (known == watches_.end()) {
    watches_.emplace(++last_watch_, watch{file, events & IN_ALL_EVENTS});
    return last_watch_;
  }
  if ((events & IN_MASK_CREATE) != 0) return -EEXIST;
  if ((events & IN_MASK_ADD) == 0) known->second.events = 0;
  known->second.events |= events & IN_ALL_EVENTS;
  return known->first;
}

int file_watches::remove(int number) {
  const auto which = watches_.find(number);
  if (which == watches_.end()) return -EINVAL;
  end(which);
  return 0;
}

void file_watches::end(watch_map::iterator which) {
  const int number = which->first;
  watches_.erase(which);
  put(event{number, IN_IGNORED, 0, {}});
}

void file_watches::hear(std::uint64_t file, std::uint32_t what, std::string_view name, std::uint32_t cookie) {
  const auto who = watch_of(file);
  if (who == watches_.end() || (what & who->second.events) == 0) return;
  put(event{who->first, what, cookie, std::string(name)});
}

void file_watches::forget(std::uint64_t file) {
  if (const auto who = watch_of(file); who != watches_.end()) end(who);
}

/// One that is like the last is left out. When there is no room, that is an event, too, and there is one of them.
void file_watches::put(event what) {
  if (queue_.size() >= most_events || (losses_ && losses_())) {
    if (std::exchange(has_overflow_, true)) return;
    what = event{-1, IN_Q_OVERFLOW, 0, {}};
  } else if (!queue_.empty() && queue_.back().is_like(what)) {
    return;
  }
  queue_.push_back(std::move(what));
  if (action_) action_();
}

std::int64_t file_watches::read(std::span<std::byte> to) {
  std::size_t used = 0;
  while (!queue_.empty()) {
    const event& next = queue_.front();
    const std::size_t size = next.size();
    if (size > to.size() - used) return used > 0 ? static_cast<std::int64_t>(used) : -EINVAL;
    inotify_event head{};
    head.wd = next.watch;
    head.mask = next.what;
    head.cookie = next.cookie;
    head.len = static_cast<std::uint32_t>(size - sizeof head);
    std::byte* const at = to.data() + used;
    std::memset(at, 0, size);
    std::memcpy(at, &head, sizeof head);
    std::memcpy(at + sizeof head, next.name.data(), next.name.size());
    if (next.what == IN_Q_OVERFLOW) has_overflow_ = false;
    used += size;
    queue_.pop_front();
  }
  return static_cast<std::int64_t>(used);
}

}  // namespace ringmill::sim::detail
