// Where an exception came from: the awaits that it passed on its way out.
#pragma once

#include <exception>
#include <string>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// The awaits that `error` has passed, innermost first, a line each ("  at file:line in function\n"); empty if it has
/// passed none, or too many other errors have been thrown on this thread since. Costs nothing until something throws.
/// The last eight errors that left a coroutine of this thread are kept for it, with all that is in them.
RINGMILL_API std::string async_stack(const std::exception_ptr& error);

/// The text of `error` (its what(), or that its type is unknown), and its async stack in the lines behind it.
RINGMILL_API std::string describe_error(const std::exception_ptr& error);

}  // namespace ringmill
