// Paths that go to the kernel.
#pragma once

#include <string>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

/// `path`; throws std::invalid_argument, which begins with `who`, if a zero byte in it would cut it off.
RINGMILL_API std::string checked_path(const char* who, std::string path);

/// The directory that the last part of `path` lies in: "/var/log" of "/var/log/messages", "." of "messages".
RINGMILL_API std::string directory_of(const std::string& path);
/// The last part of `path`: "messages" of "/var/log/messages".
RINGMILL_API std::string name_of(const std::string& path);

/// Fifteen letters and digits that nobody can guess; for names of temporary files. Throws std::system_error.
RINGMILL_API std::string random_name();

}  // namespace ringmill::detail
