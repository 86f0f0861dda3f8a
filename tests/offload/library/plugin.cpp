#include "plugin.hpp"

namespace {

int minus_one(int number) { return number - 1; }

ringmill::task<int> call(ringmill::process_pool& pool, int number) { co_return co_await pool.run<&minus_one>(number); }

}  // namespace

extern "C" [[gnu::visibility("default")]] void plugin_entry(of_library::plugin& into) { into.call = &call; }
