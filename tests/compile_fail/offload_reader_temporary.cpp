// expect: name it, and pass it by that name
#include <ringmill/offload/process_pool.hpp>

std::string page(int number) { return std::string(static_cast<std::size_t>(number), ' '); }

ringmill::task<bool> call(ringmill::process_pool& pool, std::string expected) {
  co_return co_await pool.run<&page>(7).read_in_place([expected](std::string_view text) { return text == expected; });
}
