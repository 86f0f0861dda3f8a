#include <ringmill/runtime/frame_memory.hpp>

#include <array>
#include <new>
#include <stdexcept>

#include <ringmill/runtime/detail/frame_allocation.hpp>
#include <ringmill/runtime/detail/sanitizers.hpp>

namespace ringmill {

namespace {

// Under AddressSanitizer every frame is its own allocation, or a use after free would go unnoticed.
#ifdef RINGMILL_ASAN
constexpr bool reuse = false;
#else
constexpr bool reuse = true;
#endif

constexpr std::size_t step = 16;                // sizes are rounded up to this, less malloc's own 8 bytes, as it does
constexpr std::size_t largest = 1024;           // what is larger goes to malloc each time
constexpr std::size_t kept_per_size = 1 << 20;  // bytes; what is freed beyond goes back

class free_lists {
 public:
  ~free_lists() {
    for (list& one : lists_) {
      while (one.head) ::operator delete(one.take());
    }
  }

  void* take(std::size_t size) {
    void* const frame = find(size);
    ++statistics.made;
    ++statistics.live;
    return frame;
  }

  void give_back(void* frame, std::size_t size) noexcept {
    --statistics.live;
    if (resource) {
      resource->deallocate(frame, size);
      return;
    }
    list* to = list_of(size);
    if (!to || to->bytes + rounded(size) > kept_per_size) {
      ::operator delete(frame);
      return;
    }
    to->bytes += rounded(size);
    statistics.kept_bytes += rounded(size);
    to->head = new (frame) link{to->head};
  }

  frame_statistics statistics;
  std::pmr::memory_resource* resource = nullptr;

 private:
  struct link {
    link* next;
  };
  struct list {
    link* head = nullptr;
    std::size_t bytes = 0;
    void* take() noexcept {
      link* first = head;
      head = first->next;
      return first;
    }
  };

  void* find(std::size_t size) {
    if (resource) return resource->allocate(size);
    list* from = list_of(size);
    if (from && from->head) {
      statistics.kept_bytes -= rounded(size);
      from->bytes -= rounded(size);
      return from->take();
    }
    ++statistics.fetched;
    return ::operator new(from ? rounded(size) : size);
  }

  static std::size_t rounded(std::size_t size) noexcept { return class_of(size) * step + 8; }
  static std::size_t class_of(std::size_t size) noexcept { return (size + step - 1 - 8) / step; }
  list* list_of(std::size_t size) noexcept { return reuse && size <= largest ? &lists_[class_of(size)] : nullptr; }

  std::array<list, largest / step + 1> lists_{};
};

thread_local free_lists frames;

}  // namespace

frame_statistics current_frame_statistics() noexcept { return frames.statistics; }

void set_frame_memory(std::pmr::memory_resource* memory) {
  if (frames.statistics.live != 0) {
    throw std::logic_error("set_frame_memory() while frames are alive on this thread: call it before its first task");
  }
  frames.resource = memory;
}

namespace detail {
void* allocate_frame(std::size_t size) { return frames.take(size); }
void free_frame(void* frame, std::size_t size) noexcept { frames.give_back(frame, size); }
}  // namespace detail

}  // namespace ringmill
