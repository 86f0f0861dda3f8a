// Exceptions as bytes. The standard types (runtime_error, invalid_argument, out_of_range, bad_alloc, system_error...)
// come back as themselves; all others, derived ones among them, as remote_error with the name of their type.
#pragma once

#include <cstddef>
#include <exception>
#include <span>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

/// Writes the exception that is being handled; a text that does not fit is cut. Gives the number of bytes, 0 if
/// `memory` is too small for anything. Call it in a catch block.
RINGMILL_API std::size_t encode_current_exception(std::span<std::byte> memory) noexcept;

/// What encode_current_exception wrote. Throws protocol_error on anything else.
RINGMILL_API std::exception_ptr decode_exception(std::span<const std::byte> bytes);

}  // namespace ringmill::detail
