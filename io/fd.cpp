#include <ringmill/io/fd.hpp>

#include <unistd.h>

#include <ringmill/io/ring.hpp>

namespace ringmill {

void fd::reset(int number) noexcept {
  const int old = std::exchange(number_, number);
  if (old < 0) return;
  if (kernel* behind = ring::current_backend()) {
    behind->close(old);
  } else {
    ::close(old);
  }
}

}  // namespace ringmill
