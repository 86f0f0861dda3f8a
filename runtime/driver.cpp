#include <ringmill/runtime/driver.hpp>

#include <random>

namespace ringmill {

std::uint64_t driver::random() {
  std::random_device source;
  return (std::uint64_t{source()} << 32) | source();
}

}  // namespace ringmill
