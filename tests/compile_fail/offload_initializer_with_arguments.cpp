// expect: an initializer takes nothing and gives nothing
#include <ringmill/offload/process_pool.hpp>

void load(int level) { static_cast<void>(level); }

auto options = ringmill::pool_options().initializer<&load>();
