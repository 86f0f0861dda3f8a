#include <ringmill/runtime/error.hpp>

#include <cstdio>
#include <cstdlib>

namespace ringmill::detail {

void check_failed(const char* file, int line, const char* condition, const char* message) noexcept {
  std::fprintf(stderr, "ringmill: %s:%d: %s\n  (check failed: %s)\n", file, line, message, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace ringmill::detail
