// Names for Unix sockets, and the errors of operations.
#pragma once

#include <unistd.h>

#include <string>
#include <system_error>
#include <utility>

#include <ringmill/io/unix_address.hpp>
#include <ringmill/runtime/task.hpp>

namespace support {

/// An abstract name that no other test has.
inline ringmill::unix_address fresh_name() {
  static int count = 0;
  return ringmill::unix_address::abstract("ringmill-test-" + std::to_string(::getpid()) + "-" +
                                          std::to_string(++count));
}

/// The error that `awaitable` ends with, or none.
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
