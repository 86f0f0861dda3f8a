#include <ringmill/io/copy.hpp>

namespace ringmill::detail {

task<> copy_clock::watch() const {
  for (;;) {
    const duration left = saturating_add(last_, limit_) - loop::current().now();
    if (left <= duration::zero()) throw timeout_error("nothing was copied for too long: idle timeout");
    co_await sleep_for(left);
  }
}

}  // namespace ringmill::detail
