// expect: specialise rm::codec for it
#include <list>

#include <ringmill/offload/process_pool.hpp>

int count(const std::list<int>& all) { return static_cast<int>(all.size()); }

ringmill::task<int> call(ringmill::process_pool& pool) { co_return co_await pool.run<&count>(std::list<int>()); }
