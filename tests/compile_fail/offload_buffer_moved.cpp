// expect: a call borrows a pool_buffer
#include <utility>

#include <ringmill/offload/process_pool.hpp>

int words(std::string_view text) { return text.empty() ? 0 : 1; }

ringmill::task<int> call(ringmill::process_pool& pool, ringmill::pool_buffer buffer) {
  co_return co_await pool.run<&words>(std::move(buffer));
}
