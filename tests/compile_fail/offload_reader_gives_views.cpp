// expect: what the reader gives must not refer to the bytes
#include <ringmill/offload/process_pool.hpp>

#include <string>
#include <vector>

std::vector<std::string> pages(int count) {
  return std::vector<std::string>(static_cast<std::size_t>(count), "a page that is not short");
}

ringmill::task<> call(ringmill::process_pool& pool) {
  auto give = [](std::vector<std::string_view> views) { return views; };
  co_await pool.run<&pages>(7).read_in_place(give);
}
