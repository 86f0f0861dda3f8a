// What operations have in common: how they speak of themselves, and the length that an entry can hold.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

/// An entry's length is 32 bits, a result's 31.
inline unsigned entry_length(std::size_t size) noexcept {
  return static_cast<unsigned>(std::min<std::size_t>(size, 1U << 30));
}

/// "receive on fd 7"
RINGMILL_API std::string on_descriptor(const char* what, int descriptor);
/// The same with the peer's address, where the socket has one that an `address` can hold.
RINGMILL_API std::string on_socket(const char* what, int socket);

}  // namespace ringmill::detail
