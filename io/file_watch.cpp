#include <ringmill/io/file_watch.hpp>

#include <sys/inotify.h>

#include <array>
#include <cstring>
#include <map>
#include <stdexcept>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/detail/path_text.hpp>

namespace ringmill {

static_assert(static_cast<std::uint32_t>(file_change::modified) == IN_MODIFY);
static_assert(static_cast<std::uint32_t>(file_change::closed_after_write) == IN_CLOSE_WRITE);
static_assert(static_cast<std::uint32_t>(file_change::moved_to) == IN_MOVED_TO);
static_assert(static_cast<std::uint32_t>(file_change::self_moved) == IN_MOVE_SELF);
static_assert(static_cast<std::uint32_t>(file_change::overflow) == IN_Q_OVERFLOW);
static_assert(static_cast<std::uint32_t>(file_change::watch_ended) == IN_IGNORED);

namespace {
constexpr const char* two_readers = "file_watch::next() is awaited by two tasks at the same time";
}  // namespace

/// What was read and not yet taken, and the paths. It outlives the handle if that is closed while `next` is awaited.
class file_watch::event_queue {
 public:
  std::span<std::byte> buffer() noexcept { return buffer_; }
  void filled(std::size_t size) noexcept {
    begin_ = 0;
    end_ = size;
  }
  bool has_event() const noexcept { return begin_ < end_; }

  file_event take() {
    inotify_event raw{};
    std::memcpy(&raw, buffer_.data() + begin_, sizeof raw);
    const auto* const name = reinterpret_cast<const char*>(buffer_.data() + begin_ + sizeof raw);
    const auto watched = paths_.find(raw.wd);
    file_event event(raw.wd, watched == paths_.end() ? std::string() : watched->second,
                     raw.len == 0 ? std::string() : std::string(name), raw.mask, raw.cookie);
    begin_ += sizeof raw + raw.len;
    if (raw.mask & IN_IGNORED && watched != paths_.end()) paths_.erase(watched);
    return event;
  }

  using path_node = std::map<int, std::string>::node_type;

  /// What `watches` will need, so that it cannot fail.
  static path_node node_of(std::string path) {
    std::map<int, std::string> one;
    one.emplace(-1, std::move(path));
    return one.extract(one.begin());
  }
  void watches(int watch, path_node node) noexcept {
    node.key() = watch;
    auto done = paths_.insert(std::move(node));
    if (!done.inserted) done.position->second.swap(done.node.mapped());
  }

  bool is_read = false;  ///< somebody awaits `next`

 private:
  alignas(inotify_event) std::array<std::byte, 4096> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::map<int, std::string> paths_;
};

file_watch::file_watch(fd opened) : fd_(std::move(opened)), queue_(fd_ ? std::make_shared<event_queue>() : nullptr) {}

file_watch file_watch::create() {
  return file_watch(fd(detail::or_throw(detail::files().make_watch(), "inotify_init")));
}

/// Made here for a descriptor that came by `handle`.
const std::shared_ptr<file_watch::event_queue>& file_watch::queue() {
  if (fd_ && !queue_) queue_ = std::make_shared<event_queue>();
  return queue_;
}

int file_watch::add(const std::string& path, file_changes changes) {
  queue();
  // The path is kept before there is a watch: one without a path would tell nobody where.
  event_queue::path_node node = event_queue::node_of(detail::checked_path("file_watch::add", path));
  const int watch = detail::files().add_watch(fd_.number(), path.c_str(), changes.bits());
  if (watch < 0) detail::or_throw(watch, "watch " + path);  // not before: there may be no memory for the text
  queue_->watches(watch, std::move(node));
  return watch;
}

void file_watch::remove(int watch) {
  detail::or_throw(detail::files().remove_watch(fd_.number(), watch), "end watch " + std::to_string(watch));
}

void file_watch::close() noexcept {
  fd_.reset();
  queue_.reset();
}

file_watch::next_awaiter::~next_awaiter() {
  if (is_reader_) queue_->is_read = false;
}

bool file_watch::next_awaiter::await_ready() noexcept {
  queue_ = from_->queue_;
  return queue_ && !queue_->is_read && queue_->has_event();
}

bool file_watch::next_awaiter::await_suspend(waiter& who) {
  queue_ = from_->queue();
  if (queue_) {
    if (queue_->is_read) throw std::logic_error(two_readers);
    read_into(queue_->buffer());
  }
  const bool suspends = stream_read_op::await_suspend(who);  // throws if it is closed
  is_reader_ = queue_->is_read = true;
  return suspends;
}

void file_watch::next_awaiter::completed(std::int32_t result, std::uint32_t flags, bool more) noexcept {
  stream_read_op::completed(result, flags, more);
  if (!is_in_flight() && this->result() > 0) queue_->filled(static_cast<std::size_t>(this->result()));
}

file_event file_watch::next_awaiter::await_resume() {
  if (is_reader_) {
    is_reader_ = queue_->is_read = false;  // this may live on, as a variable
    result_or_throw("read events of files");
  }
  if (!queue_->has_event()) throw std::logic_error(two_readers);
  return queue_->take();
}

void file_watch::next_awaiter::describe(task_writer& out) const { out.text("an event of a file"); }

}  // namespace ringmill
