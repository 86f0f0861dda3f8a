// What ringmill has to say when there is nobody to throw it at.
#pragma once

#include <exception>
#include <initializer_list>
#include <string_view>

#include <ringmill/runtime/config.hpp>

namespace ringmill {

enum class log_level { info, warning, error };

/// Called from any thread; must not throw.
using log_function = void (*)(log_level level, std::string_view text) noexcept;

/// Says where such messages go, for the whole process; null: to standard error, a line each, as at first.
RINGMILL_API void set_log_hook(log_function hook) noexcept;

/// For ringmill itself, and what is built on it.
RINGMILL_API void log(log_level level, std::string_view text) noexcept;
/// The same of an error that cannot be thrown: the parts of `what`, a colon, and what describe_error says of it. Where
/// there is no memory for that it says so.
RINGMILL_API void log(log_level level, std::initializer_list<std::string_view> what,
                      const std::exception_ptr& error) noexcept;

}  // namespace ringmill
