#include "http_load/response_scanner.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <ringmill/io/http/parser.hpp>

using http_load::response_scanner;
using progress = response_scanner::progress;

namespace {

/// The statuses of the responses in `text`, fed in pieces of `size`, and "!" for what cannot be read.
std::string statuses(std::string_view text, std::size_t size) {
  response_scanner scanner;
  std::string out;
  while (!text.empty()) {
    std::string_view piece = text.substr(0, size);
    text.remove_prefix(piece.size());
    while (!piece.empty()) {
      const progress made = scanner.scan(piece);
      if (made == progress::malformed) return out + "!";
      if (made == progress::complete) out += std::to_string(scanner.status()) + (scanner.keep_alive() ? " " : ". ");
    }
  }
  return out;
}

/// The same however it is split.
std::string statuses(std::string_view text) {
  const std::string whole = statuses(text, text.size());
  for (std::size_t size = 1; size < text.size(); ++size) {
    const std::string split = statuses(text, size);
    if (split != whole) return "split every " + std::to_string(size) + ": " + split + ", whole: " + whole;
  }
  return whole;
}

}  // namespace

TEST_CASE("responses end where their Content-Length says") {
  CHECK(statuses("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
                 "HTTP/1.1 404 Not Found\r\ncontent-LENGTH:\t0 \r\n\r\n"
                 "HTTP/1.1 500\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab") == "200 404 500 ");
}

TEST_CASE("an incomplete response is not counted") {
  CHECK(statuses("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell") == "");
  CHECK(statuses("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r") == "");
}

TEST_CASE("chunked responses end behind their trailers") {
  CHECK(
      statuses("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n"
               "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\nDigest: x\r\n\r\n"
               "HTTP/1.1 204 No Content\r\n\r\n") == "200 201 204 ");
}

TEST_CASE("a body that looks like a response is none") {
  CHECK(statuses("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nHTTP/1.1 500 No\r\n\r\n"
                 "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n") == "200 202 ");
}

TEST_CASE("204, 304 and 101 have no body, whatever they say") {
  CHECK(statuses("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n") ==
        "304 204 ");
  CHECK(statuses("HTTP/1.1 101 Switching Protocols\r\n\r\n") == "101. ");
}

TEST_CASE("informational responses are skipped") {
  CHECK(statuses("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx") == "200 ");
}

TEST_CASE("it says whether the server goes on") {
  const std::string end = "Content-Length: 0\r\n\r\n";
  CHECK(statuses("HTTP/1.1 200 OK\r\n" + end) == "200 ");
  CHECK(statuses("HTTP/1.0 200 OK\r\n" + end) == "200. ");
  CHECK(statuses("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n" + end) == "200 ");
  CHECK(statuses("HTTP/1.1 200 OK\r\nConnection: upgrade, Close\r\n" + end) == "200. ");
  CHECK(statuses("HTTP/1.1 200 OK\r\nConnection: close, keep-alive\r\n" + end) == "200. ");
  CHECK(statuses("HTTP/1.1 200 OK\r\nConnection: close\r\n" + end + "HTTP/1.1 200 OK\r\n" + end) == "200. 200 ");
}

TEST_CASE("without a length a body goes on to the end of the connection") {
  response_scanner scanner;
  std::string_view input = "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello";
  CHECK(scanner.scan(input) == progress::incomplete);
  CHECK(input.empty());
  CHECK(scanner.end() == progress::complete);
  CHECK(scanner.status() == 200);
  CHECK_FALSE(scanner.keep_alive());
}

TEST_CASE("the end of the connection inside of anything else is an error") {
  for (std::string_view input : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200 OK\r\nA: b\r\n",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "HT"}) {
    response_scanner scanner;
    CHECK(scanner.scan(input) == progress::incomplete);
    CHECK(scanner.end() == progress::malformed);
  }
  CHECK(response_scanner().end() == progress::malformed);
}

TEST_CASE("what is no response is refused") {
  for (const char* text :
       {"\r\n", "hello\r\n", "HTTP/2 200\r\n", "HTTP/1.2 200 OK\r\n", "HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000\r\n",
        "HTTP/1.1 0x2 OK\r\n", "HTTP/1.1 099 OK\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n", "HTTP/1.1 200 OK\r\nContent-Length: \r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n"}) {
    CAPTURE(text);
    CHECK(statuses(text) == "!");
  }
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* text : {"\r\n", "x\r\n", "-1\r\n", "fffffffffffffffff\r\n", "2\r\nabc\r\n"}) {
    CAPTURE(text);
    CHECK(statuses(chunked + text) == "!");
  }
}

TEST_CASE("lines without end are refused") {
  response_scanner scanner;
  const std::string line(1000, 'x');
  progress made = progress::incomplete;
  int pieces = 0;
  while (made == progress::incomplete && pieces < 1000) {
    std::string_view input = line;
    made = scanner.scan(input);
    ++pieces;
  }
  CHECK(made == progress::malformed);
  CHECK(pieces == 263);  // 256 KiB
}

TEST_CASE("it agrees with the strict parser on what that one accepts") {
  const std::string all =
      "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 13\r\nConnection: keep-alive\r\n\r\n"
      "Hello, World!HTTP/1.1 302 Found\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
  std::string of_parser;
  ringmill::http::response_parser parser;
  for (std::string_view input = all; !input.empty();) {
    input.remove_prefix(parser.parse(input).consumed);
    REQUIRE(parser.error_value() == ringmill::http::parse_error::none);
    if (!parser.message_complete()) continue;
    of_parser += std::to_string(parser.message().status) + (parser.keep_alive() ? " " : ". ");
    parser.reset();
  }
  CHECK(of_parser == "200 302 304 200. ");
  CHECK(statuses(all) == of_parser);
}
