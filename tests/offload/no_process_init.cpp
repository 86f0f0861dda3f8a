// A program that forgot process_init: the error shows the line to add, and nothing was started.
#include <cstdio>
#include <stdexcept>
#include <string>

#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

ringmill::task<bool> is_refused() {
  try {
    ringmill::process_pool pool;
  } catch (const std::logic_error& error) {
    co_return std::string(error.what()).find("ringmill::process_init(argc, argv);") != std::string::npos;
  }
  co_return false;
}

int main() {
  const bool refused = ringmill::run(is_refused());
  std::puts(refused ? "refused, with the line to add" : "not refused");
  return refused ? 0 : 1;
}
