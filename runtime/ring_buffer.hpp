// A queue in one block of memory, for channel and broadcast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace ringmill::detail {

/// First in, first out, of a capacity that is given once (zero: no memory at all). Who calls sees to it that there is
/// room, or something in it.
template <class T>
class ring_buffer {
 public:
  explicit ring_buffer(std::size_t capacity)
      : slots_(capacity == 0 ? nullptr : allocate(capacity)), capacity_(capacity) {}
  ring_buffer(const ring_buffer&) = delete;
  ring_buffer& operator=(const ring_buffer&) = delete;
  ~ring_buffer() {
    while (size_ != 0) pop();
    ::operator delete(slots_, alignment);
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }
  bool full() const noexcept { return size_ == capacity_; }

  T& front() noexcept { return slots_[head_]; }
  /// Counted from the oldest.
  const T& operator[](std::size_t index) const noexcept { return slots_[wrapped(head_ + index)]; }

  void push(T&& value) noexcept(std::is_nothrow_move_constructible_v<T>) {
    ::new (static_cast<void*>(slots_ + wrapped(head_ + size_))) T(std::move(value));
    ++size_;
  }
  void pop() noexcept {
    slots_[head_].~T();
    head_ = wrapped(head_ + 1);
    --size_;
  }

 private:
  static constexpr std::align_val_t alignment{alignof(T)};

  static T* allocate(std::size_t capacity) {
    if (capacity > PTRDIFF_MAX / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(::operator new(capacity * sizeof(T), alignment));
  }
  std::size_t wrapped(std::size_t index) const noexcept { return index < capacity_ ? index : index - capacity_; }

  T* slots_;
  std::size_t capacity_;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace ringmill::detail
