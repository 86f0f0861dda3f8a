// expect: ignoring return value of
// expect: nodiscard
#include <ringmill/runtime/nursery.hpp>

ringmill::task<> body();

ringmill::task<> forgets() {
  ringmill::nursery group;
  group.run(body);
  co_return;
}
