#include <ringmill/io/detail/fork_count.hpp>

#include <pthread.h>

namespace ringmill::detail {

namespace {

// Written in a child that has one thread only.
constinit unsigned forks = 0;

}  // namespace

unsigned fork_count() noexcept {
  [[maybe_unused]] static const int registered = pthread_atfork(nullptr, nullptr, [] { ++forks; });
  return forks;
}

}  // namespace ringmill::detail
