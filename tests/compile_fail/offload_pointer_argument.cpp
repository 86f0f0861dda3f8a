// expect: cannot take a pointer, which means nothing in another process
#include <ringmill/offload/process_pool.hpp>

int length(const char* text) { return text[0]; }

ringmill::task<int> call(ringmill::process_pool& pool) { co_return co_await pool.run<&length>("text"); }
