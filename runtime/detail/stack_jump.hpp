// Leaving one stack for another, on the same thread.
//
// On x86-64 it is done here, inline. A processor predicts where a function returns to by the calls that it has seen: a
// call that is left by a jump, as Boost.Context's is, puts all returns after it out of step, and so does each function
// that is entered on one side of the jump and left on the other. Elsewhere Boost.Context does it. See
// docs/design/fibers.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ringmill/runtime/config.hpp>

// A row of the matrix defines it as 0, for the library and its tests alike, so that the other way is tested as well.
#ifndef RINGMILL_INLINE_STACK_JUMP
#if defined(__x86_64__) && !defined(__ILP32__)
#define RINGMILL_INLINE_STACK_JUMP 1
#else
#define RINGMILL_INLINE_STACK_JUMP 0
#endif
#endif

namespace ringmill::detail {

/// Where a stack was left: the registers that a function has to keep, and the modes of the floating-point unit. All
/// else that belongs to a stack is the caller's to keep. Does not move.
class RINGMILL_API left_stack {
 public:
  /// The stack that runs: where it is becomes known when it is left.
  left_stack() noexcept = default;
  /// One of `size` bytes below `top` (aligned to 16): the first jump to it calls `entry`, which must never return.
  left_stack(std::byte* top, std::size_t size, void (*entry)()) noexcept;
  left_stack(const left_stack&) = delete;
  left_stack& operator=(const left_stack&) = delete;

#if RINGMILL_INLINE_STACK_JUMP

  /// From here, which is left, to `other`. Comes back when somebody jumps here.
  [[gnu::always_inline]] void jump_to(left_stack& other) noexcept {
    note_modes();
    // Setting them takes longer than the rest. One by one: a load of both would have to wait for the two stores.
    if (modes_.sse != other.modes_.sse) other.set_modes();
    if (modes_.x87 != other.modes_.x87) other.set_modes();
    left_stack* from = this;
    left_stack* to = &other;
    // Nothing is pushed, so what the compiler keeps below the stack pointer stays as it is. It is told that no register
    // survives, and saves those that it needs: all but rbp and rbx, which may be how it finds its variables.
    asm volatile(
        "movq %%rsp, 0(%[from])\n\t"
        "movq %%rbp, 8(%[from])\n\t"
        "movq %%rbx, 16(%[from])\n\t"
        "leaq 1f(%%rip), %%rax\n\t"
        "movq %%rax, 24(%[from])\n\t"
        "movq 0(%[to]), %%rsp\n\t"
        "movq 8(%[to]), %%rbp\n\t"
        "movq 16(%[to]), %%rbx\n\t"
        "jmp *24(%[to])\n"
        "1:\n\t"
        "endbr64"
        : [from] "+S"(from), [to] "+D"(to)
        :
        : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3",
          "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
#ifdef __AVX512F__
          "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",
          "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7",
#endif
          "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "cc", "memory");
  }

 private:
  void note_modes() noexcept { asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(modes_.sse), "=m"(modes_.x87)); }
  void set_modes() const noexcept { asm volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(modes_.sse), "m"(modes_.x87)); }

  // The first four are known to the assembly above.
  [[maybe_unused]] void* stack_ = nullptr;
  [[maybe_unused]] void* frame_ = nullptr;
  [[maybe_unused]] void* base_ = nullptr;
  [[maybe_unused]] void (*next_)() = nullptr;
  struct {
    std::uint32_t sse = 0;
    std::uint16_t x87 = 0;
  } modes_;

#else

  void jump_to(left_stack& other) noexcept;

 private:
  class passage;
  void* there_ = nullptr;
  void (*entry_)() = nullptr;

#endif
};

}  // namespace ringmill::detail
