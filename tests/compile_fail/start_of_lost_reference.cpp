// expect: a nursery's child cannot be called with these arguments, which it gets as rvalues
#include <ringmill/runtime/nursery.hpp>

// Arguments are kept and passed as rvalues: a reference to the caller's variable has to be said, with std::ref.
ringmill::task<> fill(int& into);

void start(ringmill::nursery& group) {
  int local = 0;
  group.start(fill, local);
}
