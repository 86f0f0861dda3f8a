// expect: the function of with_stop_source gives a task
#include <ringmill/runtime/stop_token.hpp>

int plain(std::stop_token);

ringmill::task<> wait() { co_await ringmill::with_stop_source(plain); }
