// The list of header fields, which lies in one block of memory, and how a parser fills it.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <ringmill/io/http/detail/block.hpp>
#include <ringmill/io/http/message.hpp>
#include <ringmill/io/http/parser.hpp>

namespace http = ringmill::http;
using http::parse_error;

namespace {

std::string text_of(const http::fields& list) {
  std::string all;
  for (const auto [name, value] : list) all.append(name).append("=").append(value).append("|");
  return all;
}

/// Of a request whose one field besides Host has this value.
parse_error error_of_value(std::string_view value, std::string& parsed) {
  const std::string input = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(value) + "\r\n\r\n";
  http::request_parser parser;
  const http::parse_result step = parser.parse(input);
  parsed = std::string(parser.message().fields.find("x").value_or("none"));
  if (!parser.error()) CHECK(step.consumed == input.size());
  return parser.error_value();
}

}  // namespace

TEST_CASE("http fields: text() is what they are in a head, however many there are") {
  http::fields list;
  CHECK(list.text().empty());
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "X-" + std::to_string(i);
    const std::string value(static_cast<std::size_t>(i % 40), 'v');
    list.add(name, value);
    expected += name + ": " + value + "\r\n";
  }
  CHECK(list.size() == 1000);
  CHECK(list.text() == expected);
  CHECK(list[0].value.empty());
  CHECK(list[999].name == "X-999");
  CHECK(list[999].value.size() == 39);
  list.clear();
  CHECK(list.empty());
  CHECK(list.text().empty());
  list.add("A", "1");
  CHECK(list.text() == "A: 1\r\n");
}

TEST_CASE("http fields: a copy is one of its own, and what was moved from is empty") {
  http::fields first;
  first.add("A", "1");
  first.add("B", "2");
  http::fields copy = first;
  copy.add("C", "3");
  CHECK(text_of(first) == "A=1|B=2|");
  CHECK(text_of(copy) == "A=1|B=2|C=3|");
  first = copy;
  copy.set("A", "9");
  CHECK(text_of(first) == "A=1|B=2|C=3|");
  CHECK(text_of(copy) == "B=2|C=3|A=9|");
  http::fields moved = std::move(first);
  CHECK(text_of(moved) == "A=1|B=2|C=3|");
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): that is the subject
  first.add("D", "4");
  CHECK(text_of(first) == "D=4|");
  moved = std::move(first);
  CHECK(text_of(moved) == "D=4|");
  const http::fields none;
  moved = none;
  CHECK(moved.empty());
  http::fields& same = moved;
  moved.add("E", "5");
  moved = same;
  CHECK(text_of(moved) == "E=5|");
}

TEST_CASE("http fields: a field may be added whose text lies in the list itself") {
  http::fields list;
  list.add("Name", "value");
  for (int i = 0; i < 200; ++i) {
    const http::field last = list[list.size() - 1];
    list.add(last.name, last.value);
  }
  CHECK(list.size() == 201);
  CHECK(list.count("name") == 201);
  CHECK(list[200].value == "value");
}

TEST_CASE("http fields: what they grow to is twice the size, or as much as there may be") {
  using http::detail::grown;
  CHECK(grown(0, 256, UINT32_MAX) == 256);
  CHECK(grown(256, 300, UINT32_MAX) == 512);
  CHECK(grown(256, 1000, UINT32_MAX) == 1000);
  // Twice the size would be too much, and what is needed is not.
  CHECK(grown(std::size_t{3} << 30, (std::size_t{3} << 30) + 100, UINT32_MAX) == UINT32_MAX);
  CHECK(grown(std::size_t{1} << 31, UINT32_MAX, UINT32_MAX) == UINT32_MAX);
  CHECK(grown(SIZE_MAX / 2 + 2, SIZE_MAX - 1, SIZE_MAX) == SIZE_MAX);
}

TEST_CASE("http: a block that was moved from has no bytes, be it by assignment") {
  http::detail::block first(10);
  http::detail::block second(20);
  char* const bytes = first.get();
  second = std::move(first);
  CHECK(second.get() == bytes);
  CHECK(first.get() == nullptr);  // NOLINT(bugprone-use-after-move): that is the subject
  const http::detail::block third(std::move(second));
  CHECK(third.get() == bytes);
  CHECK(second.get() == nullptr);  // NOLINT(bugprone-use-after-move)
}

TEST_CASE("http parser: a byte that no value may have is found wherever it stands, and no other is taken for one") {
  const auto check = [](const std::string& value, std::size_t at) {
    const int byte = static_cast<unsigned char>(value[at]);
    std::string parsed;
    const parse_error error = error_of_value(value, parsed);
    const bool is_valid = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    const bool is_as_expected = is_valid ? error == parse_error::none : error != parse_error::none;
    if (!is_as_expected) CAPTURE(value.size());
    if (!is_as_expected) CAPTURE(at);
    if (!is_as_expected) CAPTURE(byte);
    REQUIRE(is_as_expected);
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    const bool is_trimmed = is_blank(value.front()) || is_blank(value.back());
    if (is_valid && !is_trimmed) REQUIRE(parsed == value);
  };
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string value(size, 'v');
        value[at] = static_cast<char>(byte);
        check(value, at);
        // A tab is below the space, and is none of those bytes: what stands right behind it is looked at anew.
        if (at > 0) value[at - 1] = '\t';
        check(value, at);
      }
    }
  }
}

TEST_CASE("http parser: names compare without case, and only with letters of the other case") {
  const auto host_is_seen = [](std::string_view name) {
    http::request_parser parser;
    static_cast<void>(parser.parse("GET / HTTP/1.1\r\n" + std::string(name) + ": a\r\n\r\n"));
    return parser.error_value() == parse_error::none;
  };
  for (std::size_t at = 0; at < 4; ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string name = "host";
      const bool is_same = byte == name[at] || byte == name[at] - ('a' - 'A');
      name[at] = static_cast<char>(byte);
      CAPTURE(name);
      CHECK(host_is_seen(name) == is_same);
    }
  }
}
