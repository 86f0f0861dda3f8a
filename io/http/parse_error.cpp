#include <ringmill/io/http/parse_error.hpp>

#include <string>

namespace ringmill::http {

namespace {

const char* text_of(parse_error error) noexcept {
  switch (error) {
    case parse_error::none:
      return "no error";
    case parse_error::bare_cr:
      return "a carriage return without a line feed";
    case parse_error::bare_lf:
      return "a line feed without a carriage return";
    case parse_error::invalid_start_line:
      return "the first line is neither a request line nor a status line";
    case parse_error::invalid_method:
      return "the method is not a token";
    case parse_error::invalid_target:
      return "the request target is malformed";
    case parse_error::invalid_version:
      return "the protocol version is malformed";
    case parse_error::unsupported_version:
      return "the protocol version is neither HTTP/1.0 nor HTTP/1.1";
    case parse_error::invalid_status:
      return "the status is not a number of three digits";
    case parse_error::missing_colon:
      return "a header line without a colon";
    case parse_error::empty_field_name:
      return "a header field without a name";
    case parse_error::invalid_field_name:
      return "a header field name with an invalid character";
    case parse_error::space_before_colon:
      return "white space between a header field name and its colon";
    case parse_error::invalid_field_value:
      return "a header field value with a control character";
    case parse_error::folded_field:
      return "a header line that begins with white space";
    case parse_error::missing_host:
      return "a request without a Host field";
    case parse_error::repeated_host:
      return "more than one Host field";
    case parse_error::invalid_host:
      return "the Host field is malformed";
    case parse_error::invalid_content_length:
      return "the Content-Length is not a number";
    case parse_error::conflicting_content_length:
      return "Content-Length fields that differ";
    case parse_error::unsupported_transfer_encoding:
      return "a Transfer-Encoding other than chunked";
    case parse_error::repeated_transfer_encoding:
      return "more than one Transfer-Encoding field";
    case parse_error::transfer_encoding_with_content_length:
      return "both Transfer-Encoding and Content-Length";
    case parse_error::transfer_encoding_in_http_1_0:
      return "Transfer-Encoding in an HTTP/1.0 message";
    case parse_error::invalid_chunk_size:
      return "the size of a chunk is not a hexadecimal number";
    case parse_error::chunk_size_overflow:
      return "the size of a chunk does not fit into 63 bits";
    case parse_error::invalid_chunk_extension:
      return "a chunk extension with a control character";
    case parse_error::missing_chunk_end:
      return "a chunk that does not end with an empty line";
    case parse_error::forbidden_trailer:
      return "a trailer field that may only stand in the head";
    case parse_error::start_line_too_long:
      return "the first line is longer than the limit";
    case parse_error::field_line_too_long:
      return "a header line is longer than the limit";
    case parse_error::chunk_line_too_long:
      return "the chunk extensions are longer than the limit";
    case parse_error::head_too_large:
      return "the header fields are larger than the limit";
    case parse_error::too_many_fields:
      return "more header fields than the limit";
    case parse_error::too_many_informational_responses:
      return "more informational (1xx) responses than the limit";
    case parse_error::body_too_large:
      return "the body is larger than the limit";
    case parse_error::end_of_stream:
      return "the connection ended before a message began";
    case parse_error::truncated:
      return "the connection ended in the middle of a message";
  }
  return "unknown error";
}

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "http.parse"; }
  std::string message(int value) const override { return text_of(static_cast<parse_error>(value)); }
};

}  // namespace

const std::error_category& parse_category() noexcept {
  static const category instance;
  return instance;
}

}  // namespace ringmill::http
