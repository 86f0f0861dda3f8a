// expect: for one that wants a copy, make that
#include <ringmill/offload/process_pool.hpp>

int words(std::string text) { return text.empty() ? 0 : 1; }

ringmill::task<int> call(ringmill::process_pool& pool, ringmill::pool_buffer& buffer) {
  co_return co_await pool.run<&words>(buffer);
}
