#include <ringmill/runtime/frame_memory.hpp>

#include <new>
#include <stdexcept>
#include <utility>

#include <ringmill/runtime/detail/frame_allocation.hpp>
#include <ringmill/runtime/detail/sanitizers.hpp>

namespace ringmill {

namespace detail {

constinit thread_local frame_lists this_threads_frames;

namespace {

// Under AddressSanitizer every frame is its own allocation, or a use after free would go unnoticed.
#ifdef RINGMILL_ASAN
constexpr bool pooled = false;
#else
constexpr bool pooled = true;
#endif

constexpr std::size_t batch = 16 << 10;         // bytes that are fetched or given back together
constexpr std::size_t kept_per_size = 1 << 20;  // bytes; what is freed beyond goes back

constinit thread_local std::pmr::memory_resource* own_memory = nullptr;

bool is_pooled(std::size_t size) noexcept { return pooled && size <= frame_blocks::largest; }

}  // namespace

/// Closes the lists of its thread when that ends: frames that are freed still later pass them by.
class frame_lists_closer {
 public:
  ~frame_lists_closer() {
    this_threads_frames.close();
    this_threads_frames.has_ended_ = true;
  }
};

bool frame_lists::open() noexcept {
  if (has_ended_) return false;
  static thread_local const frame_lists_closer at_end;
  static_cast<void>(at_end);
  for (std::size_t i = 0; i < classes; ++i) lists_[i].most = static_cast<std::uint32_t>(kept_per_size / size_of(i));
  return true;
}

void frame_lists::close() noexcept {
  for (std::size_t i = 0; i < classes; ++i) {
    if (lists_[i].head) frame_blocks::give_back(lists_[i].head, size_of(i));
    lists_[i] = list();
  }
}

std::size_t frame_lists::kept_bytes() const noexcept {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < classes; ++i) bytes += lists_[i].count * size_of(i);
  return bytes;
}

void* frame_lists::take_slowly(std::size_t size) {
  void* frame = nullptr;
  if (own_memory) {
    frame = own_memory->allocate(size);
  } else if (!is_pooled(size)) {
    frame = ::operator new(size);
  } else {
    list& to = list_of(size);
    const std::size_t rounded = size_of(class_of(size));
    std::size_t count = to.most > 0 || open() ? batch / rounded : 1;
    free_frame* const first = frame_blocks::take(rounded, count);
    to.head = first->next;
    to.count = static_cast<std::uint32_t>(count - 1);
    frame = first;
  }
  ++made;
  ++fetched;
  return frame;
}

void frame_lists::give_back_slowly(void* frame, std::size_t size) noexcept {
  ++destroyed;
  if (own_memory) {
    own_memory->deallocate(frame, size);
    return;
  }
  if (!is_pooled(size)) {
    ::operator delete(frame);
    return;
  }
  list& to = list_of(size);
  const std::size_t rounded = size_of(class_of(size));
  auto* const freed = new (frame) free_frame{nullptr};
  if (to.most == 0 && !open()) {
    frame_blocks::give_back(freed, rounded);
    return;
  }
  if (to.count == to.most) {
    free_frame* const all = to.head;
    free_frame* last = all;
    for (std::size_t left = batch / rounded; left > 1; --left) last = last->next;
    to.head = std::exchange(last->next, nullptr);
    to.count -= static_cast<std::uint32_t>(batch / rounded);
    frame_blocks::give_back(all, rounded);
  }
  freed->next = to.head;
  to.head = freed;
  ++to.count;
}

}  // namespace detail

frame_statistics current_frame_statistics() noexcept {
  const detail::frame_lists& here = detail::this_threads_frames;
  return {here.made, here.fetched, static_cast<std::int64_t>(here.made - here.destroyed), here.kept_bytes()};
}

void set_frame_memory(std::pmr::memory_resource* memory) {
  detail::frame_lists& here = detail::this_threads_frames;
  if (here.made != here.destroyed) {
    throw std::logic_error("set_frame_memory() while frames are alive on this thread: call it before its first task");
  }
  here.close();
  detail::own_memory = memory;
}

}  // namespace ringmill
