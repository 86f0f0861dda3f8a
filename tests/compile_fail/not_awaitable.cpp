// expect: this cannot be awaited: it does not answer the questions of runtime/awaiter.hpp
#include <coroutine>

#include <ringmill/runtime/task.hpp>

ringmill::task<> wait() { co_await std::suspend_always(); }
