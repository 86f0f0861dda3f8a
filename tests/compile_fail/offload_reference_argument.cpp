// expect: cannot take a non-const reference
#include <ringmill/offload/process_pool.hpp>

void increment(int& value) { ++value; }

ringmill::task<> call(ringmill::process_pool& pool, int& value) { co_await pool.run<&increment>(value); }
