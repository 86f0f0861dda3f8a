#include <ringmill/runtime/detail/stack_jump.hpp>

#if RINGMILL_INLINE_STACK_JUMP

#include <new>

namespace ringmill::detail {

left_stack::left_stack(std::byte* top, std::size_t, void (*entry)()) noexcept
    : stack_(new (top - sizeof(void*)) void*(nullptr)),  // as if it was called, by nobody
      next_(entry) {
  note_modes();
}

}  // namespace ringmill::detail

#else

#include <boost/context/detail/fcontext.hpp>

namespace ringmill::detail {

namespace context = boost::context::detail;

/// What goes along with a jump: whoever arrives notes where the other side was left.
class left_stack::passage {
 public:
  passage(left_stack& from, left_stack& to) noexcept : from_(from), to_(to) {}
  static left_stack& end(context::transfer_t arrived) noexcept {
    const passage& way = *static_cast<const passage*>(arrived.data);
    way.from_.there_ = arrived.fctx;
    return way.to_;
  }

 private:
  left_stack& from_;
  left_stack& to_;
};

left_stack::left_stack(std::byte* top, std::size_t size, void (*entry)()) noexcept
    : there_(context::make_fcontext(top, size, [](context::transfer_t arrived) { passage::end(arrived).entry_(); })),
      entry_(entry) {}

void left_stack::jump_to(left_stack& other) noexcept {
  passage way(*this, other);
  passage::end(context::jump_fcontext(other.there_, &way));
}

}  // namespace ringmill::detail

#endif
