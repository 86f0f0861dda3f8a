// inotify(7) of a file system in memory: watches of files, and a queue of what has happened to them.
//
// Deliberately not here: what happens, and in which order it is told (memory_file_system), and the descriptor
// (watch_queue.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <ringmill/io/sim/memory_file_system.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>

namespace ringmill::sim::detail {

/// Must not outlive its file system. Results are zero or more, or a negated errno.
class RINGMILL_API file_watches {
 public:
  /// That wait to be read; Linux's default of fs.inotify.max_queued_events.
  static constexpr std::size_t most_events = 16'384;

  explicit file_watches(memory_file_system& of);
  file_watches(const file_watches&) = delete;
  file_watches& operator=(const file_watches&) = delete;
  ~file_watches();

  /// Called when there is something to read.
  void when_heard(std::function<void()> action) { action_ = std::move(action); }
  /// Asked at each event: true, and it is lost, as if the queue were full.
  void set_losses(std::function<bool()> decide) { losses_ = std::move(decide); }

  /// inotify_add_watch(2): the number of the watch. Of the flags IN_EXCL_UNLINK and IN_ONESHOT are refused.
  int add(path_from where, std::uint32_t events);
  int remove(int number);
  /// read(2): as many events as fit; 0: there are none.
  std::int64_t read(std::span<std::byte> to);
  bool has_events() const noexcept { return !queue_.empty(); }

  // For the file system.

  void hear(std::uint64_t file, std::uint32_t what, std::string_view name, std::uint32_t cookie);
  /// There is no such file any more.
  void forget(std::uint64_t file);

 private:
  struct watch {
    std::uint64_t file;
    std::uint32_t events;
  };
  struct event {
    int watch;
    std::uint32_t what;
    std::uint32_t cookie;
    std::string name;
    bool is_like(const event& other) const noexcept;
    std::size_t size() const noexcept;  ///< in a reader's buffer
  };
  using watch_map = std::map<int, watch>;
  watch_map::iterator watch_of(std::uint64_t file);
  void end(watch_map::iterator which);
  void put(event what);

  memory_file_system& files_;
  watch_map watches_;
  int last_watch_ = 0;
  std::deque<event> queue_;
  bool has_overflow_ = false;  ///< in the queue
  std::function<void()> action_;
  std::function<bool()> losses_;
};

}  // namespace ringmill::sim::detail
