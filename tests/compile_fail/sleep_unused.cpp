// expect: nodiscard
#include <chrono>

#include <ringmill/runtime/sleep.hpp>

void forgets() { ringmill::sleep_for(std::chrono::seconds(1)); }
