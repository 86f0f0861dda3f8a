#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/io/http/parser.hpp>

namespace http = ringmill::http;
using http::parse_error;

namespace {

/// All that a parser said about an input, message after message, as text: equal outcomes compare equal.
template <class Parser>
std::string outcome(Parser& parser, const std::vector<std::string_view>& pieces, bool ends = true) {
  std::string said;
  std::string body;
  const auto end_message = [&] {
    if constexpr (std::is_same_v<Parser, http::request_parser>) {
      said += parser.message().method + ' ' + parser.message().target;
    } else {
      said += std::to_string(parser.message().status) + ' ' + parser.message().reason;
    }
    for (const auto [name, value] : parser.message().fields) said.append("|").append(name).append("=").append(value);
    said += "|body=" + body + "|keep=" + std::to_string(parser.keep_alive());
    for (const auto [name, value] : parser.trailers()) said.append("|").append(name).append("=").append(value);
    said += '\n';
    body.clear();
    parser.reset();
  };
  for (std::string_view piece : pieces) {
    while (!piece.empty() && !parser.error()) {
      const http::parse_result step = parser.parse(piece);
      REQUIRE(step.consumed <= piece.size());
      REQUIRE((step.consumed > 0 || parser.error()));
      piece.remove_prefix(step.consumed);
      body += step.body;
      if (parser.message_complete()) end_message();
    }
  }
  if (ends && !parser.error()) {
    const bool finished = parser.finish() == parse_error::none;
    if (finished) end_message();
    if (!finished && parser.error_value() == parse_error::end_of_stream) return said;
  }
  if (parser.error()) said += "error: " + parser.error().message();
  return said;
}

template <class Parser>
std::string outcome(std::string_view input) {
  Parser parser;
  return outcome(parser, {input});
}

parse_error request_error(std::string_view input, const http::parser_limits& limits = http::parser_limits()) {
  http::request_parser parser(limits);
  outcome(parser, {input}, false);
  return parser.error_value();
}

parse_error response_error(std::string_view input, const http::parser_limits& limits = http::parser_limits()) {
  http::response_parser parser(limits);
  outcome(parser, {input}, false);
  return parser.error_value();
}

parse_error line_error(std::string_view line) {
  return request_error("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n");
}

parse_error chunk_error(std::string_view chunks) {
  return request_error("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunks));
}

const std::vector<std::string> request_samples = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET /x?y=%20|z HTTP/1.1\r\nHost: a:80\r\nAccept:\t*/*  \r\nEmpty:\r\nConnection: x, Close\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: [::1]:8080\r\nTransfer-Encoding: Chunked\r\n\r\n"
    "5\r\nhello\r\nA;name=\"value\"\r\n0123456789\r\n0\r\nChecksum: abc\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nhost: a\r\nContent-Length: 3\r\ncontent-length: 3\r\n\r\nabcCONNECT a:443 "
    "HTTP/1.1\r\nHost:\r\n\r\n",
    "GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
    "GET / HTTP/1.1\r\nHost: a\r\nA:\rTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\rX",
    "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(9000, 'x') + ": y\r\n\r\n",
    "GET /" + std::string(9000, 'x') + "\rHTTP/1.1\r\n\r\n",
};

const std::vector<std::string> response_samples = {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200\r\nA: b\r\n\r\nuntil the end",
    "HTTP/1.0 404 Not \xc3\xa4\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
    "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
    "HTTP/1.1 200 OK\r\nContent-Len",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
};

template <class Parser>
void check_all_splits(const std::vector<std::string>& samples) {
  for (const std::string& sample : samples) {
    const std::string whole = outcome<Parser>(sample);
    const std::string_view view = sample;
    std::vector<std::string_view> bytes;
    for (std::size_t at = 0; at < view.size(); ++at) bytes.push_back(view.substr(at, 1));
    Parser by_byte;
    CHECK(outcome(by_byte, bytes) == whole);
    for (std::size_t at = 1; at < view.size(); ++at) {
      Parser parser;
      if (outcome(parser, {view.substr(0, at), view.substr(at)}) != whole) {
        FAIL_CHECK("split at ", at, " of ", sample, "changes the answer ", whole);
        break;
      }
    }
  }
}

}  // namespace

TEST_CASE("http parser: a request comes out with method, target and fields") {
  http::request_parser parser;
  const std::string_view input =
      "GET /a?b HTTP/1.1\r\nHost: example.org\r\nAccept:  text/html \r\naccept: */*\r\n\r\nnext";
  const http::parse_result step = parser.parse(input);
  CHECK(input.substr(step.consumed) == "next");
  CHECK(parser.message_complete());
  CHECK_FALSE(parser.has_body());
  CHECK(parser.keep_alive());
  const http::request request = std::move(parser.message());
  CHECK(request.method == "GET");
  CHECK(request.target == "/a?b");
  CHECK(request.fields.size() == 3);
  CHECK(request.fields.find("ACCEPT") == "text/html");
  CHECK(request.fields.count("accept") == 2);
  CHECK(request.fields.contains_token("Accept", "*/*"));
}

TEST_CASE("http parser: body pieces are views into the input, not copies") {
  http::request_parser parser;
  std::string_view input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
  input.remove_prefix(parser.parse(input).consumed);
  CHECK(parser.head_complete());
  CHECK(parser.content_length() == 5);
  const http::parse_result step = parser.parse(input);
  CHECK(step.body == "hello");
  CHECK(step.body.data() == input.data());
  CHECK(parser.message_complete());
}

TEST_CASE("http parser: the answer is the same wherever the input is split") {
  check_all_splits<http::request_parser>(request_samples);
  check_all_splits<http::response_parser>(response_samples);
}

TEST_CASE("http parser: pipelined requests come out one by one") {
  CHECK(outcome<http::request_parser>(request_samples[2]) ==
        "POST /a|Host=a|Content-Length=5|body=hello|keep=1\nGET /b|body=|keep=0\n");
  CHECK(outcome<http::request_parser>(request_samples[3]) ==
        "POST /|Host=[::1]:8080|Transfer-Encoding=Chunked|body=hello0123456789|keep=1|Checksum=abc\n"
        "GET /|Host=b|body=|keep=1\n");
}

TEST_CASE("http parser: the ten classic smuggling inputs are refused") {
  SUBCASE("Content-Length and Transfer-Encoding (CL.TE)") {
    CHECK(request_error(
              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG") ==
          parse_error::transfer_encoding_with_content_length);
  }
  SUBCASE("Transfer-Encoding and Content-Length (TE.CL)") {
    CHECK(request_error("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\n") ==
          parse_error::transfer_encoding_with_content_length);
  }
  SUBCASE("two different Content-Lengths (CL.CL)") {
    CHECK(line_error("Content-Length: 5\r\nContent-Length: 6") == parse_error::conflicting_content_length);
  }
  SUBCASE("two Transfer-Encodings, one of them obscure (TE.TE)") {
    CHECK(line_error("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow") ==
          parse_error::repeated_transfer_encoding);
  }
  SUBCASE("a transfer coding that only ends in chunked") {
    CHECK(line_error("Transfer-Encoding: xchunked") == parse_error::unsupported_transfer_encoding);
  }
  SUBCASE("a space before the colon") {
    CHECK(line_error("Transfer-Encoding : chunked") == parse_error::space_before_colon);
  }
  SUBCASE("a bare CR that another parser takes for a line end") {
    CHECK(line_error("A:\rTransfer-Encoding: chunked") == parse_error::bare_cr);
  }
  SUBCASE("a bare LF as a line end") { CHECK(line_error("A: b\nTransfer-Encoding: chunked") == parse_error::bare_lf); }
  SUBCASE("a folded field") { CHECK(line_error("Transfer-Encoding:\r\n chunked") != parse_error::none); }
  SUBCASE("a chunk size that overflows") {
    CHECK(chunk_error("10000000000000005\r\nhello\r\n0\r\n\r\n") == parse_error::chunk_size_overflow);
  }
}

TEST_CASE("http parser: bare CR, bare LF and NUL are refused in every part") {
  using namespace std::string_view_literals;
  CHECK(request_error("GET /\r HTTP/1.1\r\n") == parse_error::bare_cr);
  CHECK(request_error("\nGET / HTTP/1.1\r\n") == parse_error::bare_lf);
  CHECK(request_error("GET / HTTP/1.1\n") == parse_error::bare_lf);
  CHECK(request_error("GET / HTTP/1.1\r\r\n") == parse_error::bare_cr);
  CHECK(request_error("GET / HTTP/1.1\r\nHost: a\r\n\n") == parse_error::bare_lf);
  CHECK(line_error("A\r: b") == parse_error::bare_cr);
  CHECK(line_error("A: b\r") == parse_error::bare_cr);
  CHECK(line_error("A: b\0c"sv) == parse_error::invalid_field_value);
  CHECK(line_error("A\0: b"sv) == parse_error::invalid_field_name);
  CHECK(request_error("GET /\0 HTTP/1.1\r\n"sv) == parse_error::invalid_target);
  CHECK(chunk_error("5;a\0\r\n"sv) == parse_error::invalid_chunk_extension);
  CHECK(chunk_error("5\nhello") == parse_error::bare_lf);
  CHECK(chunk_error("5;a\rb\r\n") == parse_error::bare_cr);
}

TEST_CASE("http parser: request lines that deviate from the grammar are refused") {
  CHECK(request_error("GET / HTTP/2.0\r\n") == parse_error::unsupported_version);
  CHECK(request_error("GET / HTTP/1.2\r\n") == parse_error::unsupported_version);
  CHECK(request_error("GET / HTTP/1.10\r\n") == parse_error::invalid_version);
  CHECK(request_error("GET / http/1.1\r\n") == parse_error::invalid_version);
  CHECK(request_error("GET / HTTP/1.1 \r\n") == parse_error::invalid_version);
  CHECK(request_error("GET /\r\n") == parse_error::invalid_start_line);
  CHECK(request_error("GET  / HTTP/1.1\r\n") == parse_error::invalid_target);
  CHECK(request_error(" GET / HTTP/1.1\r\n") == parse_error::invalid_method);
  CHECK(request_error("G(T / HTTP/1.1\r\n") == parse_error::invalid_method);
  CHECK(request_error("GET\t/ HTTP/1.1\r\n") == parse_error::invalid_start_line);
  CHECK(request_error("GET a HTTP/1.1\r\n") == parse_error::invalid_target);
  CHECK(request_error("GET * HTTP/1.1\r\n") == parse_error::invalid_target);
  CHECK(request_error("GET /\x80 HTTP/1.1\r\n") == parse_error::invalid_target);
  CHECK(request_error("GET /a#b HTTP/1.1\r\n") == parse_error::invalid_target);
  CHECK(request_error("CONNECT /a HTTP/1.1\r\n") == parse_error::invalid_target);
  CHECK(request_error("\r\n\r\n") == parse_error::invalid_start_line);
}

TEST_CASE("http parser: header lines that deviate from the grammar are refused") {
  CHECK(line_error(": b") == parse_error::empty_field_name);
  CHECK(line_error("b") == parse_error::missing_colon);
  CHECK(line_error("a b: c") == parse_error::invalid_field_name);
  CHECK(line_error("a(: c") == parse_error::invalid_field_name);
  CHECK(line_error("\xc3\xa4: c") == parse_error::invalid_field_name);
  CHECK(line_error("a\t: c") == parse_error::space_before_colon);
  CHECK(line_error(" a: c") == parse_error::folded_field);
  CHECK(line_error("\ta") == parse_error::folded_field);
  CHECK(line_error("a: \x01") == parse_error::invalid_field_value);
  CHECK(line_error("a: \x7f") == parse_error::invalid_field_value);
  CHECK(line_error("a: b\tc \xc3\xa4") == parse_error::none);
}

TEST_CASE("http parser: a request has exactly one Host that could be one") {
  CHECK(request_error("GET / HTTP/1.1\r\n\r\n") == parse_error::missing_host);
  CHECK(request_error("GET / HTTP/1.0\r\n\r\n") == parse_error::none);
  CHECK(line_error("Host: a") == parse_error::repeated_host);
  CHECK(request_error("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == parse_error::invalid_host);
  CHECK(request_error("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") == parse_error::invalid_host);
  CHECK(request_error("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n") == parse_error::invalid_host);
}

TEST_CASE("http parser: a Content-Length is digits and nothing else") {
  for (const char* value :
       {"", "+5", "-5", "5 5", "5, 5", "5,6", "0x5", "5a", "9223372036854775808", "99999999999999999999"}) {
    CAPTURE(value);
    CHECK(line_error("Content-Length: " + std::string(value)) == parse_error::invalid_content_length);
  }
  CHECK(line_error("Content-Length: 0\r\nContent-Length: 0") == parse_error::none);
  CHECK(line_error("Content-Length: 5\r\nContent-Length: 05") == parse_error::conflicting_content_length);
  CHECK(line_error("Content-Length: 9223372036854775807") == parse_error::none);
}

TEST_CASE("http parser: a Transfer-Encoding is chunked, once, and not in HTTP/1.0") {
  for (const char* value :
       {"", "xchunked", "chunked, identity", "identity", "gzip, chunked", "chunked,", "\"chunked\"", "chunked;a=b",
        "\x0b"
        "chunked"}) {
    CAPTURE(value);
    CHECK(line_error("Transfer-Encoding: " + std::string(value)) != parse_error::none);
  }
  CHECK(line_error("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked") ==
        parse_error::repeated_transfer_encoding);
  CHECK(request_error("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        parse_error::transfer_encoding_in_http_1_0);
  CHECK(response_error("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        parse_error::transfer_encoding_in_http_1_0);
}

TEST_CASE("http parser: chunks that deviate from the grammar are refused") {
  for (const char* size : {"", " 5", "5 ", "+5", "-5", "0x5", "g", "5 ;a", "\t5"}) {
    CAPTURE(size);
    CHECK(chunk_error(std::string(size) + "\r\nhello\r\n0\r\n\r\n") == parse_error::invalid_chunk_size);
  }
  CHECK(chunk_error("8000000000000000\r\n") == parse_error::chunk_size_overflow);
  CHECK(chunk_error("7fffffffffffffff\r\n") == parse_error::none);
  CHECK(chunk_error("5\r\nhello!\r\n") == parse_error::missing_chunk_end);
  CHECK(chunk_error("5\r\nhello\n0\r\n") == parse_error::missing_chunk_end);
  CHECK(chunk_error("5\r\nhello\r\r\n") == parse_error::missing_chunk_end);
  CHECK(chunk_error("0\r\nContent-Length: 5\r\n\r\n") == parse_error::forbidden_trailer);
  CHECK(chunk_error("0\r\nTransfer-Encoding: chunked\r\n\r\n") == parse_error::forbidden_trailer);
  CHECK(chunk_error("0\r\na : b\r\n\r\n") == parse_error::space_before_colon);
}

TEST_CASE("http parser: limits are exact, and name what was too large") {
  const http::parser_limits limits = http::parser_limits().line(40).head(100).fields(3).chunk_extensions(5).body(10);
  const auto padded = [](std::size_t count) { return std::string(count, 'x'); };
  SUBCASE("lines") {
    CHECK(request_error("GET /" + padded(26) + " HTTP/1.1\r\n", limits) == parse_error::none);
    CHECK(request_error("GET /" + padded(27) + " HTTP/1.1\r\n", limits) == parse_error::start_line_too_long);
    CHECK(request_error(padded(42), limits) == parse_error::start_line_too_long);
    CHECK(request_error("GET / HTTP/1.1\r\na:" + padded(38) + "\r\n", limits) == parse_error::none);
    CHECK(request_error("GET / HTTP/1.1\r\na:" + padded(39) + "\r\n", limits) == parse_error::field_line_too_long);
  }
  SUBCASE("head") {
    const std::string begin = "GET / HTTP/1.1\r\nhost:" + padded(30) + "\r\nb:" + padded(30) + "\r\n";  // 16 + 37 + 34
    CHECK(request_error(begin + "c:" + padded(7) + "\r\n\r\n", limits) == parse_error::none);
    CHECK(request_error(begin + "c:" + padded(8) + "\r\n\r\n", limits) == parse_error::head_too_large);
    CHECK(request_error(begin + "c:" + padded(20), limits) == parse_error::head_too_large);
  }
  SUBCASE("fields") {
    CHECK(request_error("GET / HTTP/1.1\r\nHost:a\r\nb:\r\nc:\r\n\r\n", limits) == parse_error::none);
    CHECK(request_error("GET / HTTP/1.1\r\nHost:a\r\nb:\r\nc:\r\nd:\r\n\r\n", limits) == parse_error::too_many_fields);
  }
  SUBCASE("chunk extensions, all chunks together, without end too") {
    const std::string begin = "POST / HTTP/1.1\r\nHost:a\r\nTransfer-Encoding:chunked\r\n\r\n";
    CHECK(request_error(begin + "1;abcd\r\nx\r\n0\r\n\r\n", limits) == parse_error::none);
    CHECK(request_error(begin + "1;abc\r\nx\r\n0;a\r\n\r\n", limits) == parse_error::chunk_line_too_long);
    CHECK(request_error(begin + "1;" + padded(100), limits) == parse_error::chunk_line_too_long);
  }
  SUBCASE("body") {
    const std::string begin = "POST / HTTP/1.1\r\nHost:a\r\n";
    CHECK(request_error(begin + "Content-Length:10\r\n\r\n", limits) == parse_error::none);
    CHECK(request_error(begin + "Content-Length:11\r\n\r\n", limits) == parse_error::body_too_large);
    CHECK(request_error(begin + "Transfer-Encoding:chunked\r\n\r\n6\r\nabcdef\r\n5\r\n", limits) ==
          parse_error::body_too_large);
    CHECK(response_error("HTTP/1.1 200 OK\r\n\r\n0123456789", limits) == parse_error::none);
    CHECK(response_error("HTTP/1.1 200 OK\r\n\r\n0123456789a", limits) == parse_error::body_too_large);
  }
  SUBCASE("informational responses") {
    std::string flood;
    for (int i = 0; i < 10; ++i) flood += "HTTP/1.1 100 Continue\r\n\r\n";
    CHECK(response_error(flood) == parse_error::none);
    CHECK(response_error(flood + flood) == parse_error::too_many_informational_responses);
  }
}

TEST_CASE("http parser: the largest limits that there are limit nothing, wherever the input is split") {
  const auto limits = http::parser_limits().line(SIZE_MAX).head(SIZE_MAX).fields(SIZE_MAX).chunk_extensions(SIZE_MAX);
  const std::string input =
      "POST /" + std::string(10'000, 'x') + " HTTP/1.1\r\nHost: a\r\nX: " + std::string(100'000, 'y') +
      "\r\nTransfer-Encoding: chunked\r\n\r\n3;" + std::string(5000, 'e') + "\r\nabc\r\n0\r\nT: t\r\n\r\n";
  http::request_parser at_once(limits);
  const std::string whole = outcome(at_once, {input});
  CHECK(whole.find("|body=abc|keep=1|T=t") != whole.npos);
  for (const std::size_t size : {1, 2, 100, 70'000}) {
    CAPTURE(size);
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < input.size(); at += size) pieces.push_back(std::string_view(input).substr(at, size));
    http::request_parser parser(limits);
    CHECK(outcome(parser, pieces) == whole);
  }
}

TEST_CASE("http parser: what decides that a response has a body, and where it ends") {
  const auto whole = [](std::string_view method, std::string_view input) {
    http::response_parser parser;
    parser.reset(method);
    std::string body;
    while (!input.empty() && !parser.message_complete() && !parser.error()) {
      const http::parse_result step = parser.parse(input);
      input.remove_prefix(step.consumed);
      body += step.body;
    }
    const bool needs_end = !parser.message_complete();
    parser.finish();
    return body + (needs_end ? "|end" : "|") + std::string(input) + (parser.keep_alive() ? "|keep" : "|close") +
           (parser.error() ? "|" + parser.error().message() : "");
  };
  CHECK(whole("GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd") == "abc|d|keep");
  CHECK(whole("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd") == "|abcd|keep");
  CHECK(whole("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx") == "|x|keep");
  CHECK(whole("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nx") == "|x|keep");
  CHECK(whole("GET", "HTTP/1.1 204 No Content\r\n\r\nx") == "|x|keep");
  CHECK(whole("GET", "HTTP/1.1 101 Switching\r\n\r\nx") == "|x|close");
  CHECK(whole("CONNECT", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nx") == "|x|close");
  CHECK(whole("GET", "HTTP/1.1 200 OK\r\n\r\nabc") == "abc|end|close");
  CHECK(whole("GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nab") == "a|b|keep");
  CHECK(whole("GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nab") == "a|b|close");
  CHECK(whole("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc") ==
        "abc|end|close|the connection ended in the middle of a message");
  CHECK(whole("GET", "") == "|end|close|the connection ended before a message began");
}

TEST_CASE("http parser: status lines that deviate from the grammar are refused") {
  CHECK(response_error("HTTP/1.1 20 OK\r\n") == parse_error::invalid_status);
  CHECK(response_error("HTTP/1.1 2000 OK\r\n") == parse_error::invalid_status);
  CHECK(response_error("HTTP/1.1 099 OK\r\n") == parse_error::invalid_status);
  CHECK(response_error("HTTP/1.1  200 OK\r\n") == parse_error::invalid_status);
  CHECK(response_error("HTTP/1.1 2x0 OK\r\n") == parse_error::invalid_status);
  CHECK(response_error("HTTP/2.0 200 OK\r\n") == parse_error::unsupported_version);
  CHECK(response_error("ICY 200 OK\r\n") == parse_error::invalid_version);
  CHECK(response_error("HTTP/1.1\r\n") == parse_error::invalid_start_line);
  CHECK(response_error("HTTP/1.1 200 O\x01K\r\n") == parse_error::invalid_start_line);
  CHECK(response_error("HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n") == parse_error::none);
}

TEST_CASE("http message: what a caller gives cannot smuggle in a field") {
  http::fields fields;
  CHECK_THROWS_AS(fields.add("A", "b\r\nC: d"), std::invalid_argument);
  CHECK_THROWS_AS(fields.add("A", std::string(1, '\0')), std::invalid_argument);
  CHECK_THROWS_AS(fields.set("A\n", "b"), std::invalid_argument);
  CHECK_THROWS_AS(fields.add("", "b"), std::invalid_argument);
  CHECK_THROWS_AS(fields.add("A:", "b"), std::invalid_argument);
  CHECK(fields.empty());
  std::string out;
  CHECK_THROWS_AS(append_head(out, http::request("GET", "/a b")), std::invalid_argument);
  CHECK_THROWS_AS(append_head(out, http::request("GET /", "/")), std::invalid_argument);
  CHECK_THROWS_AS(append_head(out, http::response(20)), std::invalid_argument);
  http::response response(200);
  response.reason = "O\nK";
  CHECK_THROWS_AS(append_head(out, response), std::invalid_argument);
}

TEST_CASE("http message: fields keep their order, and set replaces without regard to case") {
  http::fields fields;
  fields.add("A", "1");
  fields.add("B", " 2 ");
  fields.add("a", "3");
  CHECK(fields.count("A") == 2);
  fields.set("A", *fields.find("b"));
  CHECK(fields.size() == 2);
  CHECK(fields.find("a") == "2");
  CHECK(fields[0].name == "B");
  CHECK(fields.erase("b") == 1);
  CHECK(fields.erase("b") == 0);
  fields.set("Connection", "keep-alive , Upgrade");
  CHECK(fields.contains_token("connection", "upgrade"));
  CHECK_FALSE(fields.contains_token("connection", "up"));
}

TEST_CASE("http message: the status line of a response is appended to what is there") {
  const auto head = [](int status, std::string reason, int version_minor) {
    http::response message(status);
    message.reason = std::move(reason);
    message.version_minor = version_minor;
    std::string out = "before ";
    http::append_head(out, message);
    return out;
  };
  CHECK(head(200, "", 1) == "before HTTP/1.1 200 OK\r\n\r\n");
  CHECK(head(431, "", 0) == "before HTTP/1.0 431 Request Header Fields Too Large\r\n\r\n");
  CHECK(head(999, "", 1) == "before HTTP/1.1 999 Unknown\r\n\r\n");
  CHECK(head(200, std::string(1000, 'r'), 1) == "before HTTP/1.1 200 " + std::string(1000, 'r') + "\r\n\r\n");
}

TEST_CASE("http message: a serialised head parses back") {
  http::request request("POST", "/x");
  request.fields.set("Host", "a");
  request.fields.set("Content-Length", "0");
  std::string wire;
  append_head(wire, request);
  CHECK(wire == "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  CHECK(outcome<http::request_parser>(wire) == "POST /x|Host=a|Content-Length=0|body=|keep=1\n");
  wire.clear();
  append_head(wire, http::response(404));
  CHECK(wire == "HTTP/1.1 404 Not Found\r\n\r\n");
}

TEST_CASE("http parser: mutated input never breaks it, and gives the same answer however it is split") {
  std::mt19937 random(20240607);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  static constexpr std::string_view spice[] = {"\r",
                                               "\n",
                                               "\r\n",
                                               "\r\n\r\n",
                                               ":",
                                               " ",
                                               "\t",
                                               ";",
                                               "0",
                                               "5",
                                               "ffffffffffffffff",
                                               "Content-Length: 5\r\n",
                                               "Transfer-Encoding: chunked\r\n",
                                               "HTTP/1.1",
                                               "\x80"};
  const auto mutate = [&](std::string text) {
    for (std::size_t changes = 1 + below(4); changes > 0 && !text.empty(); --changes) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + below(4));
          break;
        case 2:
          text.insert(at, spice[below(std::size(spice))]);
          break;
        default:
          text.insert(at, text.substr(below(text.size()), below(20)));
      }
    }
    return text;
  };
  const auto agree = [&]<class Parser>(Parser, const std::vector<std::string>& samples) {
    // The long samples are about limits; mutating them costs time and finds nothing.
    const std::string& sample = samples[below(std::min<std::size_t>(samples.size(), 12))];
    const std::string text = mutate(sample);
    const std::size_t at = below(text.size() + 1);
    const std::string_view view = text;
    Parser split;
    return outcome<Parser>(view) == outcome(split, {view.substr(0, at), view.substr(at)});
  };
  int disagreements = 0;
  for (int i = 0; i < 100000; ++i) {
    disagreements += !agree(http::request_parser(), request_samples);
    disagreements += !agree(http::response_parser(), response_samples);
  }
  CHECK(disagreements == 0);
}
