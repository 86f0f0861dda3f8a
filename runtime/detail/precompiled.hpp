// What most sources of the library include, parsed once for all of them. Each names what it needs all the same: one row
// of the matrix builds without this.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <ringmill/runtime/inspect.hpp>
#include <ringmill/runtime/log.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/nursery.hpp>
