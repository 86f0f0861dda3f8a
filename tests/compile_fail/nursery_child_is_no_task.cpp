// expect: a nursery's child is a function that gives a task<>
#include <ringmill/runtime/nursery.hpp>

void plain(int);

void start(ringmill::nursery& group) { group.start(plain, 3); }
