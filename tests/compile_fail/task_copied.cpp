// expect: deleted
#include <ringmill/runtime/task.hpp>

ringmill::task<int> answer();

void copy() {
  auto one = answer();
  auto other = one;
}
