// The error that an operation ends with.
#pragma once

#include <system_error>
#include <utility>

#include <ringmill/runtime/task.hpp>

namespace support {

/// The code of the system_error that `awaitable` ends with; a default one if it does not.
template <class Awaitable>
ringmill::task<std::error_code> error_of(Awaitable awaitable) {
  try {
    co_await std::move(awaitable);
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

}  // namespace support
