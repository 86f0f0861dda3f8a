// Why a message was refused.
#pragma once

#include <system_error>

#include <ringmill/runtime/config.hpp>

namespace ringmill::http {

/// A std::error_code of the category "http.parse"; the message of each says what was wrong.
enum class parse_error {
  none = 0,
  // The bytes.
  bare_cr,
  bare_lf,
  // The first line.
  invalid_start_line,
  invalid_method,
  invalid_target,
  invalid_version,
  unsupported_version,
  invalid_status,
  // Header fields.
  missing_colon,
  empty_field_name,
  invalid_field_name,
  space_before_colon,
  invalid_field_value,
  folded_field,
  missing_host,
  repeated_host,
  invalid_host,
  // Framing.
  invalid_content_length,
  conflicting_content_length,
  unsupported_transfer_encoding,
  repeated_transfer_encoding,
  transfer_encoding_with_content_length,
  transfer_encoding_in_http_1_0,
  invalid_chunk_size,
  chunk_size_overflow,
  invalid_chunk_extension,
  missing_chunk_end,
  forbidden_trailer,
  // Limits.
  start_line_too_long,
  field_line_too_long,
  chunk_line_too_long,
  head_too_large,
  too_many_fields,
  too_many_informational_responses,
  body_too_large,
  // The end of the connection.
  end_of_stream,  ///< before the first byte of a message: nothing is missing
  truncated,      ///< inside of a message
};

RINGMILL_API const std::error_category& parse_category() noexcept;
inline std::error_code make_error_code(parse_error error) noexcept {
  return std::error_code(static_cast<int>(error), parse_category());
}

}  // namespace ringmill::http

template <>
struct std::is_error_code_enum<ringmill::http::parse_error> : std::true_type {};
