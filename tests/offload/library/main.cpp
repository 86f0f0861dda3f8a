// Functions of shared libraries in workers: of one that the program is linked with, and of one that it loads, as
// LOAD_PLUGIN says: "before" process_init, "after" it, "initializer": after it, and in each worker by the pool's
// initializer, or "host": before it, but not in workers. PLUGIN is its file.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "linked.hpp"
#include "plugin.hpp"

namespace rm = ringmill;

namespace {

of_library::plugin loaded;

void load_plugin() {
  void* const library = dlopen(std::getenv("PLUGIN"), RTLD_NOW);
  void* const entry = library ? dlsym(library, of_library::plugin_entry) : nullptr;
  if (!entry) throw std::runtime_error(dlerror());
  reinterpret_cast<of_library::plugin_entry_function>(entry)(loaded);
}

rm::task<std::string> call_plugin(rm::process_pool& pool) {
  try {
    const int number = co_await loaded.call(pool, 42);
    co_return std::to_string(number);
  } catch (const std::logic_error& error) {
    co_return error.what();
  }
}

/// Its workers have not the same modules.
rm::task<bool> is_another_program(rm::process_pool& pool) {
  try {
    co_await pool.run<&of_library::twice>(21);
  } catch (const rm::version_mismatch& error) {
    std::puts(error.what());
    co_return true;
  }
  co_return false;
}

rm::task<bool> check(std::string_view when) {
  rm::pool_options options;
  options.workers(1);
  if (when == "initializer") options.initializer<&load_plugin>();
  rm::process_pool pool(options);
  if (when == "host") co_return co_await is_another_program(pool);
  const int twice = co_await pool.run<&of_library::twice>(21);
  const int thrice = co_await pool.run<&of_library::thrice>(14);
  const int within = co_await of_library::call_from_library(pool, 4);
  const std::string plugin = co_await call_plugin(pool);
  std::printf("%d %d %d, and of the plugin: %s\n", twice, thrice, within, plugin.c_str());
  const bool is_refused = plugin.find("loaded after process_init") != std::string::npos;
  co_return twice == 42 && thrice == 42 && within == 27 && (when == "after" ? is_refused : plugin == "41");
}

}  // namespace

int main(int argc, char** argv) {
  const char* const when = std::getenv("LOAD_PLUGIN");
  if (!when) return 2;
  // In the zygote, and so in the workers, too; or only here, where there are no arguments.
  const bool is_early = when == std::string_view("before") || when == std::string_view("host");
  if (when == std::string_view("before") || (is_early && argc == 1)) load_plugin();
  rm::process_init(argc, argv);
  if (!is_early) load_plugin();
  return rm::run(check(when)) ? 0 : 1;
}
