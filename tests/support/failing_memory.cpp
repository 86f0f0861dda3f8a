#include "failing_memory.hpp"

#include <cstdlib>
#include <new>

namespace {

enum class shape : bool { single, array };

void* take(std::size_t size, shape of, std::size_t alignment = 0) {
  if (support::failing_memory::fails(size, of == shape::array)) throw std::bad_alloc();
  const std::size_t rounded = alignment == 0 ? size : (size + alignment - 1) / alignment * alignment;
  void* const memory = alignment == 0 ? std::malloc(size) : std::aligned_alloc(alignment, rounded);
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return take(size, shape::single); }
void* operator new[](std::size_t size) { return take(size, shape::array); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return take(size, shape::single, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return take(size, shape::array, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
