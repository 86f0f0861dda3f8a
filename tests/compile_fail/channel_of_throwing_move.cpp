// expect: a value is handed over inside a call of another task, where a move must not throw: send a unique_ptr
#include <ringmill/runtime/channel.hpp>

struct heavy {
  heavy(heavy&&) noexcept(false);
};

ringmill::channel<heavy> values(1);
