// expect: cannot return a pointer or a view
#include <string_view>

#include <ringmill/offload/process_pool.hpp>

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

ringmill::task<> call(ringmill::process_pool& pool) { co_await pool.run<&first_word>("a b"); }
