// expect: what the reader gives must not refer to the bytes
#include <ringmill/offload/process_pool.hpp>

std::string page(int number) { return std::string(static_cast<std::size_t>(number), ' '); }

ringmill::task<> call(ringmill::process_pool& pool) {
  co_await pool.run<&page>(7).read_in_place([](std::string_view text) { return text; });
}
