// Names for Unix sockets.
#pragma once

#include <unistd.h>

#include <string>

#include <ringmill/io/unix_address.hpp>

namespace support {

/// An abstract name that no other test has.
inline ringmill::unix_address fresh_name() {
  static int count = 0;
  return ringmill::unix_address::abstract("ringmill-test-" + std::to_string(::getpid()) + "-" +
                                          std::to_string(++count));
}

}  // namespace support
