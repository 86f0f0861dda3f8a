// How a test of runtime/ runs its root task: in virtual time, and, in a program that runs by seeds, in the world of the
// seed.
#pragma once

#include <utility>

#include <ringmill/runtime/testing.hpp>

#include "by_seed.hpp"

namespace support {

template <class T>
T run(ringmill::task<T> root) {
  if (seeded_case::current()) return run_by_seed(std::move(root));
  return ringmill::testing::run(std::move(root));
}

}  // namespace support
