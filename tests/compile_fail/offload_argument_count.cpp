// expect: the function takes another number of arguments
#include <ringmill/offload/process_pool.hpp>

int add(int a, int b) { return a + b; }

ringmill::task<int> call(ringmill::process_pool& pool) { co_return co_await pool.run<&add>(1); }
