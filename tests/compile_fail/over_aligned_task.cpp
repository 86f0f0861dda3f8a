// expect: task<T> of an over-aligned T: put it behind a unique_ptr
#include <ringmill/runtime/task.hpp>

struct alignas(64) cache_line {
  char bytes[64];
};

ringmill::task<cache_line> make();
ringmill::task<> wait() { auto line = co_await make(); }
