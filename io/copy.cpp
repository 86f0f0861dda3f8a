#include <ringmill/io/copy.hpp>

#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/sleep.hpp>

namespace ringmill::detail {

void copy_clock::read() { last_ = loop::current().now(); }

task<> copy_clock::watch() const {
  for (;;) {
    const duration left = saturating_add(last_, limit_) - loop::current().now();
    if (left <= duration::zero()) throw timeout_error("nothing was copied for too long: idle timeout");
    co_await sleep_for(left);
  }
}

}  // namespace ringmill::detail
