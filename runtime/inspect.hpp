// The tree of tasks as a text: who waits where, for what, and for how long.
#pragma once

#include <source_location>
#include <string>
#include <string_view>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// The tasks of this thread's loop: a line each, indented below the one that awaits it, with the function, the file and
/// line of the await, what it waits for and how long already. Without a loop a text that says so. Does not suspend.
RINGMILL_API std::string dump_tasks();

namespace detail {
class promise_base;

/// The name given to `task` itself, or null: the innermost one around it, if that is not around the one who awaits it.
const char* name_of(const promise_base& task) noexcept;
/// The function of `where` as its author knows it: GCC 12 adds the frame of a coroutine as a parameter. No allocation.
RINGMILL_API std::string_view function_of(const std::source_location& where) noexcept;
}  // namespace detail

}  // namespace ringmill
