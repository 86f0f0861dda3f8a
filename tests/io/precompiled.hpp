// What most tests of io/ include, parsed once for all of them. Each names what it needs all the same: one row of the
// matrix builds without this.
#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include <ringmill/ringmill.hpp>
