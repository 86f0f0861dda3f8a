// The kernels that a test of io/ runs on. Each test takes its kernel as a parameter, so that a simulated one can stand
// in.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ringmill/io/kernel.hpp>
#include <ringmill/io/run.hpp>
#include <ringmill/io/sim/kernel.hpp>

#include "by_seed.hpp"

namespace support {

/// Makes the kernel of one run.
class kernel_factory {
 public:
  using function = std::function<std::unique_ptr<ringmill::kernel>(const ringmill::ring_options&)>;
  kernel_factory(std::string name, function make_one) : name_(std::move(name)), make_(std::move(make_one)) {}
  const std::string& name() const noexcept { return name_; }
  std::unique_ptr<ringmill::kernel> make(const ringmill::ring_options& options = ringmill::ring_options()) const {
    return make_(options);
  }

 private:
  std::string name_;
  function make_;
};

/// For what makes system calls of its own, and so is no test by seeds.
inline std::vector<kernel_factory> all_kernels() {
  seeded_case::not_by_seeds();
  return {kernel_factory("linux", &ringmill::make_real_kernel)};
}

/// One in which nothing goes wrong, and the order of what is independent is up to the seed.
inline kernel_factory simulated_kernel(std::uint64_t seed) {
  return kernel_factory("simulated, seed " + std::to_string(seed), [seed](const ringmill::ring_options& options) {
    return ringmill::sim::make_kernel(seed, ringmill::sim::options().ring(options));
  });
}

/// Runs `body()`, which gives a task<>, once on each kernel, on a ring of the given size.
template <class Body>
void on_each_kernel(Body body, const ringmill::ring_options& options = ringmill::ring_options()) {
  for (const kernel_factory& factory : all_kernels()) {
    CAPTURE(factory.name());
    ringmill::run_on(factory.make(options), body());
  }
}

/// The same, and then on a simulated one by a few seeds: for bodies that do all by calls of ringmill, and no system
/// call of their own. Nothing goes wrong there; completions come in another order with each seed. In a program that
/// runs by seeds: in the world of its seed, and nowhere else.
template <class Body>
void on_each_kernel_and_simulated(Body body, const ringmill::ring_options& options = ringmill::ring_options()) {
  if (seeded_case::current()) return run_by_seed(body(), options);
  on_each_kernel(body, options);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    ringmill::run_on(ringmill::sim::make_kernel(seed, ringmill::sim::options().ring(options)), body());
  }
}

/// How many descriptors this process has open, or, in a loop on a simulated kernel, that kernel: the same before and
/// after a test that leaks none.
int open_descriptors();

}  // namespace support
