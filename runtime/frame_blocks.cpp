#include <sys/mman.h>

#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include <ringmill/runtime/detail/frame_blocks.hpp>

namespace ringmill::detail {

namespace {

/// The beginning of a block; the frames follow. It lies at a multiple of its size, so a frame tells where its block is.
class block {
 public:
  static constexpr std::size_t size = 256 << 10;

  /// Null if there is no memory.
  static block* make() noexcept {
    // Twice the size holds an aligned one; the rest goes back.
    void* const memory = ::mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    const auto start = reinterpret_cast<std::uintptr_t>(memory);
    const std::uintptr_t aligned = (start + size - 1) / size * size;
    if (aligned > start) ::munmap(memory, aligned - start);
    ::munmap(reinterpret_cast<void*>(aligned + size), start + size - aligned);
    return new (reinterpret_cast<void*>(aligned)) block;
  }
  void release() noexcept { ::munmap(this, size); }

  static block& of(free_frame& frame) noexcept {
    return *reinterpret_cast<block*>(reinterpret_cast<std::uintptr_t>(&frame) / size * size);
  }

  bool has_room(std::size_t frame_size) const noexcept { return returned_ || cut_ + frame_size <= size; }
  bool is_unused() const noexcept { return in_use_ == 0; }

  /// Only if there is room.
  free_frame& take(std::size_t frame_size) noexcept {
    ++in_use_;
    if (returned_) return *std::exchange(returned_, returned_->next);
    void* const frame = reinterpret_cast<std::byte*>(this) + std::exchange(cut_, cut_ + frame_size);
    return *new (frame) free_frame{nullptr};
  }
  void give_back(free_frame& frame) noexcept {
    --in_use_;
    frame.next = std::exchange(returned_, &frame);
  }

 private:
  friend class block_list;
  static constexpr std::size_t header = 64;
  block* next_ = nullptr;
  block* previous_ = nullptr;
  free_frame* returned_ = nullptr;
  std::size_t cut_ = header;  ///< where the part begins that was never in use, and is not even in memory yet
  std::size_t in_use_ = 0;
};

/// The blocks of one size of frames that have room.
class block_list {
 public:
  block* first() const noexcept { return first_; }
  void add(block& item) noexcept {
    item.previous_ = nullptr;
    item.next_ = first_;
    if (first_) first_->previous_ = &item;
    first_ = &item;
  }
  void remove(block& item) noexcept {
    (item.previous_ ? item.previous_->next_ : first_) = item.next_;
    if (item.next_) item.next_->previous_ = item.previous_;
  }

 private:
  block* first_ = nullptr;
};

constinit std::mutex mutex;
constinit block_list with_room[frame_blocks::largest / frame_blocks::step];

block_list& list_of(std::size_t size) noexcept { return with_room[size / frame_blocks::step - 1]; }

}  // namespace

free_frame* frame_blocks::take(std::size_t size, std::size_t& count) {
  const std::lock_guard lock(mutex);
  block_list& blocks = list_of(size);
  free_frame* all = nullptr;
  free_frame** end = &all;
  std::size_t taken = 0;
  for (; taken < count; ++taken) {
    if (!blocks.first()) {
      block* const made = block::make();
      if (!made) break;
      blocks.add(*made);
    }
    block& from = *blocks.first();
    free_frame& one = from.take(size);
    one.next = nullptr;
    end = &(*end = &one)->next;  // in the order in which they lie
    if (!from.has_room(size)) blocks.remove(from);
  }
  if (!all) throw std::bad_alloc();
  count = taken;
  return all;
}

void frame_blocks::give_back(free_frame* frames, std::size_t size) noexcept {
  const std::lock_guard lock(mutex);
  block_list& blocks = list_of(size);
  while (frames) {
    free_frame& one = *std::exchange(frames, frames->next);
    block& to = block::of(one);
    if (!to.has_room(size)) blocks.add(to);
    to.give_back(one);
    if (to.is_unused()) {
      blocks.remove(to);
      to.release();
    }
  }
}

}  // namespace ringmill::detail
