// What happens to files and directories, as it happens: inotify(7).
//
//   auto watch = rm::file_watch::create();
//   watch.add("spool", rm::file_change::closed_after_write | rm::file_change::moved_to);
//   for (;;) {
//     const rm::file_event event = co_await watch.next();
//     if (event.has(rm::file_change::overflow)) look_through_all_of("spool");
//     else take(event.full_path());
//   }
//
// It tells of what is done through this kernel's file systems, not of changes that another machine makes on a network
// file system, and a directory's watch does not reach into those below it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <ringmill/io/fd.hpp>
#include <ringmill/io/stream_ops.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/shared_ptr.hpp>

namespace ringmill {

/// One kind of event. Of a directory that is watched, the first six tell of the files in it, too, by name.
enum class file_change : std::uint32_t {
  accessed = 0x1,            ///< read
  modified = 0x2,            ///< written, or made longer or shorter
  attributes = 0x4,          ///< permissions, times, number of links...
  closed_after_write = 0x8,  ///< by one who had it open for writing
  closed_unwritten = 0x10,
  opened = 0x20,
  moved_from = 0x40,  ///< a name in the directory has gone, by a rename; `cookie` joins both sides of one
  moved_to = 0x80,    ///< a name has come into the directory, by a rename
  created = 0x100,    ///< a name has come into the directory, by making a file, directory or link
  removed = 0x200,    ///< a name in the directory has gone
  self_removed = 0x400,
  self_moved = 0x800,
  // These come without being asked for.
  unmounted = 0x2000,
  overflow = 0x4000,     ///< the kernel's queue was full: events are lost, of any watch. Look for yourself.
  watch_ended = 0x8000,  ///< by `remove`, or with the file: it is the last of its watch
};

/// A set of kinds.
class file_changes {
 public:
  constexpr file_changes(file_change one) noexcept : bits_(static_cast<std::uint32_t>(one)) {}
  explicit constexpr file_changes(std::uint32_t bits) noexcept : bits_(bits) {}
  constexpr bool has(file_change one) const noexcept { return (bits_ & static_cast<std::uint32_t>(one)) != 0; }
  constexpr std::uint32_t bits() const noexcept { return bits_; }
  friend constexpr file_changes operator|(file_changes a, file_changes b) noexcept {
    return file_changes(a.bits_ | b.bits_);
  }
  friend constexpr bool operator==(file_changes, file_changes) noexcept = default;

 private:
  std::uint32_t bits_;
};
constexpr file_changes operator|(file_change a, file_change b) noexcept { return file_changes(a) | file_changes(b); }

/// Something has happened.
class RINGMILL_API file_event {
 public:
  file_event(int watch, std::string path, std::string name, std::uint32_t mask, std::uint32_t cookie) noexcept
      : watch_(watch), path_(std::move(path)), name_(std::move(name)), mask_(mask), cookie_(cookie) {}

  /// What `add` gave; -1 for an overflow.
  int watch() const noexcept { return watch_; }
  /// The path that was given to `add`, as it was then; empty for an overflow.
  const std::string& path() const noexcept { return path_; }
  /// The name in the directory `path`; empty if it is about `path` itself.
  const std::string& name() const noexcept { return name_; }
  /// Both together.
  std::string full_path() const { return name_.empty() ? path_ : path_ + "/" + name_; }

  file_changes changes() const noexcept { return file_changes(mask_); }
  bool has(file_change one) const noexcept { return changes().has(one); }
  /// Is it about a directory?
  bool is_directory() const noexcept { return (mask_ & 0x40000000) != 0; }
  /// The same for `moved_from` and `moved_to` of one rename, else 0.
  std::uint32_t cookie() const noexcept { return cookie_; }

 private:
  int watch_;
  std::string path_;
  std::string name_;
  std::uint32_t mask_;
  std::uint32_t cookie_;
};

/// Any number of watches, and their events in the order in which they happened. Move-only. It must not move while
/// `next` is awaited.
class RINGMILL_API file_watch {
 public:
  class next_awaiter;

  file_watch() noexcept = default;
  /// Of an inotify descriptor that is open already. The events of what it watches by now come without a path.
  explicit file_watch(fd opened);

  /// A new one, without watches. Throws std::system_error: there is a limit per user, fs.inotify.max_user_instances.
  /// Does not suspend.
  static file_watch create();

  /// Watches `path` for what is in `changes`, and gives the number of the watch. One for a file that is watched
  /// already, be it by another name, changes that watch and gives its number. Throws std::system_error: no such file,
  /// or the limit fs.inotify.max_user_watches. Does not suspend; blocks the loop for as long as it takes to find the
  /// path. After an error, one of memory included, there is no watch that was not there before.
  int add(const std::string& path, file_changes changes);
  /// Ends a watch: its last event is `watch_ended`. Throws std::system_error if there is none of that number. Does not
  /// suspend.
  void remove(int watch);

  /// co_await it: gives the next event. A cancel loses none. One task at a time: std::logic_error for a second one.
  next_awaiter next() noexcept;

  /// What its destructor does too: ends all watches, drops what has not been taken, ends what is in flight on it, who
  /// awaits that gets std::errc::operation_canceled, and closes. Does not suspend.
  void close() noexcept;

  int native_handle() const noexcept { return fd_.number(); }
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  /// The handle, for operations of one's own. For another descriptor make another `file_watch`: what was read from this
  /// one stays with it.
  fd& handle() noexcept { return fd_; }

 private:
  class event_queue;
  const std::shared_ptr<event_queue>& queue();
  fd fd_;
  std::shared_ptr<event_queue> queue_;  ///< may be null without a descriptor, and where that came by `handle`
};

class [[nodiscard]] RINGMILL_API file_watch::next_awaiter : public stream_read_op {
 public:
  explicit next_awaiter(file_watch& from) noexcept : stream_read_op(from.fd_, {}), from_(&from) {}
  next_awaiter(next_awaiter&&) noexcept = default;
  ~next_awaiter() override;
  bool await_ready() noexcept;
  bool await_suspend(waiter& who);
  file_event await_resume();

 private:
  void describe(task_writer& out) const override;
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;
  file_watch* from_;                    ///< until it is started
  std::shared_ptr<event_queue> queue_;  ///< from then on: it may be closed meanwhile
  bool is_reader_ = false;
};

inline file_watch::next_awaiter file_watch::next() noexcept { return next_awaiter(*this); }

}  // namespace ringmill
