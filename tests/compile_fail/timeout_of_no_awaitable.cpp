// expect: constraint
#include <chrono>

#include <ringmill/runtime/timeout.hpp>

ringmill::task<> wait() { co_await ringmill::with_timeout(std::chrono::seconds(1), 7); }
