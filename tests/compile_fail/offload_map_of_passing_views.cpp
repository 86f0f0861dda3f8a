// expect: the range makes its elements on the way
#include <ranges>
#include <string>
#include <string_view>

#include <ringmill/offload/map.hpp>

std::size_t length(std::string_view text) { return text.size(); }

ringmill::task<> call(ringmill::process_pool& pool) {
  co_await pool.map<&length>(std::views::iota(0, 9) | std::views::transform([](int n) { return std::to_string(n); }));
}
