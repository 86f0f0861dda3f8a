// expect: a task does nothing until it is awaited
#include <ringmill/runtime/task.hpp>

ringmill::task<int> answer();

ringmill::task<> forgets() {
  answer();
  co_return;
}
