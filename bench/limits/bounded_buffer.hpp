// The least that a channel can be: an array and two numbers. Who finds it full or empty suspends by its own means.
#pragma once

#include <array>
#include <cstddef>

namespace limits {

/// `Capacity` is a power of two.
template <class T, std::size_t Capacity>
class bounded_buffer {
  static_assert((Capacity & (Capacity - 1)) == 0);

 public:
  bool full() const noexcept { return written_ - read_ == Capacity; }
  bool empty() const noexcept { return written_ == read_; }
  void push(T value) noexcept { slots_[written_++ % Capacity] = value; }
  T pop() noexcept { return slots_[read_++ % Capacity]; }

 private:
  std::array<T, Capacity> slots_{};
  std::size_t written_ = 0;
  std::size_t read_ = 0;
};

}  // namespace limits
