#include "linked.hpp"

namespace {
int plus_one(int number) { return number + 1; }
}  // namespace

namespace of_library {

int twice(int number) { return number * 2; }

ringmill::task<int> call_from_library(ringmill::process_pool& pool, int number) {
  const int doubled = co_await pool.run<&twice>(number);
  const int more = co_await pool.run<&plus_one>(doubled);
  co_return co_await pool.run<&thrice>(more);
}

}  // namespace of_library
