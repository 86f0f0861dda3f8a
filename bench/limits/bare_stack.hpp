// The least that a fiber can be: a stack and a jump. It keeps neither errno nor the exceptions that are being handled,
// and belongs to no task.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <vector>

namespace limits {

/// Runs for ever, one step at each `resume`.
class bare_stack {
 public:
  bare_stack() : memory_(size) {
    there_ = boost::context::detail::make_fcontext(memory_.data() + size, size, [](transfer from) {
      for (;;) from = boost::context::detail::jump_fcontext(from.fctx, nullptr);
    });
  }

  /// Onto the stack and back.
  void resume() noexcept { there_ = boost::context::detail::jump_fcontext(there_, nullptr).fctx; }

 private:
  using transfer = boost::context::detail::transfer_t;
  static constexpr std::size_t size = 64 * 1024;
  std::vector<std::byte> memory_;
  boost::context::detail::fcontext_t there_;
};

}  // namespace limits
