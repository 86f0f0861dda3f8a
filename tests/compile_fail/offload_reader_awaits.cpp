// expect: the reader is a plain function, which cannot await
#include <ringmill/offload/process_pool.hpp>

std::string page(int number) { return std::string(static_cast<std::size_t>(number), ' '); }
ringmill::task<> send(std::string_view text);

ringmill::task<> call(ringmill::process_pool& pool) { co_await pool.run<&page>(7).read_in_place(send); }
