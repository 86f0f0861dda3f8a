#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include <ringmill/io/address_range.hpp>

namespace rm = ringmill;
using namespace std::string_view_literals;

namespace {

rm::address ip(std::string_view text) {
  const auto parsed = rm::address::parse(text, 80);
  REQUIRE_MESSAGE(parsed.has_value(), std::string(text));
  return *parsed;
}

rm::address_range range(std::string_view text) {
  const auto parsed = rm::address_range::parse(text);
  REQUIRE_MESSAGE(parsed.has_value(), std::string(text));
  return *parsed;
}

}  // namespace

TEST_CASE("an address with a port is what to_string gives, and nothing else") {
  for (const auto text : {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[fd00::1:2]:443"}) {
    const auto parsed = rm::address::parse_with_port(text);
    REQUIRE_MESSAGE(parsed.has_value(), text);
    CHECK(parsed->to_string() == text);
  }
  for (const auto text : {""sv,
                          ":"sv,
                          "127.0.0.1"sv,
                          "127.0.0.1:"sv,
                          "127.0.0.1:65536"sv,
                          "127.0.0.1:080"sv,
                          "127.0.0.1:+80"sv,
                          "127.0.0.1: 80"sv,
                          "127.0.0.1:80 "sv,
                          "127.0.0.1:-1"sv,
                          "127.0.0.1:0x50"sv,
                          "::1"sv,
                          "::1:80"sv,
                          "[::1]"sv,
                          "[::1]80"sv,
                          "[::1]:"sv,
                          "[127.0.0.1]:80"sv,
                          "[::1:80"sv,
                          "::1]:80"sv,
                          "[]:80"sv,
                          "localhost:80"sv,
                          ":80"sv,
                          "127.0.0.1\0:80"sv,
                          "127.0.0.1:8\0"sv,
                          "127.0.0.1:99999999999999999999"sv}) {
    CHECK_MESSAGE(!rm::address::parse_with_port(text), std::string(text));
  }
}

TEST_CASE("the text of an address has four decimal parts, no octal ones, and no bytes behind its end") {
  for (const auto text : {"1.2.3"sv, "1.2.3.4.5"sv, "01.2.3.4"sv, "0x7f.0.0.1"sv, "127.1"sv, "2130706433"sv,
                          "1.2.3.256"sv, "1.2.3.4 "sv, "1.2.3.4\0"sv, "1.2.3.4\0x"sv, "fe80::1%lo"sv, ":::"sv, ""sv}) {
    CHECK_MESSAGE(!rm::address::parse(text, 0), std::string(text));
  }
}

TEST_CASE("a range comes from its text and gives it back") {
  for (const auto text :
       {"10.0.0.0/8", "0.0.0.0/0", "192.168.1.128/25", "127.0.0.1/32", "fd00::/8", "::/0", "::1/128"}) {
    CHECK(range(text).to_string() == text);
  }
  CHECK(range("::ffff:10.0.0.0/104").to_string() == "10.0.0.0/8");
  CHECK(range("::ffff:10.0.0.0/104") == range("10.0.0.0/8"));
  CHECK(range("::ffff:0:0/96") == range("0.0.0.0/0"));
  CHECK_FALSE(range("::/0") == range("0.0.0.0/0"));
  CHECK(range("10.0.0.0/8").length() == 8);
  CHECK(range("10.0.0.0/8").network() == *rm::address::parse("10.0.0.0", 0));
  CHECK_FALSE(range("10.0.0.0/8").is_v6());
  CHECK(range("fd00::/8").is_v6());
}

TEST_CASE("what is nearly a range is none") {
  for (const auto text : {""sv,
                          "/"sv,
                          "10.0.0.0"sv,
                          "10.0.0.0/"sv,
                          "/8"sv,
                          "10/8"sv,
                          "10.0.0/8"sv,
                          "10.0.0.0/33"sv,
                          "10.0.0.0/08"sv,
                          "10.0.0.0/+8"sv,
                          "10.0.0.0/-1"sv,
                          "10.0.0.0/8 "sv,
                          " 10.0.0.0/8"sv,
                          "10.0.0.0/8/8"sv,
                          "10.0.0.1/8"sv,
                          "010.0.0.0/8"sv,
                          "10.0.0.0/255.0.0.0"sv,
                          "fd00::/129"sv,
                          "fd00::1/8"sv,
                          "[fd00::]/8"sv,
                          "fd00::/"sv,
                          "10.0.0.0/4294967304"sv,
                          "10.0.0.0\0/8"sv}) {
    CHECK_MESSAGE(!rm::address_range::parse(text), std::string(text));
  }
  CHECK_THROWS_AS(rm::address_range(ip("10.0.0.0"), 33), std::invalid_argument);
  CHECK_THROWS_AS(rm::address_range(ip("10.0.0.0"), 4294967295U), std::invalid_argument);
  CHECK_THROWS_AS(rm::address_range(ip("fd00::"), 129), std::invalid_argument);
  CHECK_THROWS_WITH_AS(rm::address_range(ip("10.1.0.0"), 8), "address_range: bits behind its length: 10.1.0.0/8",
                       std::invalid_argument);
  CHECK(rm::address_range(ip("10.0.0.0"), 8) == range("10.0.0.0/8"));
}

TEST_CASE("a range contains what begins as it does, mapped addresses included, and nothing of the other family") {
  const auto ten = range("10.0.0.0/8");
  CHECK(ten.contains(ip("10.0.0.0")));
  CHECK(ten.contains(ip("10.255.255.255")));
  CHECK(ten.contains(ip("::ffff:10.1.2.3")));
  CHECK_FALSE(ten.contains(ip("9.255.255.255")));
  CHECK_FALSE(ten.contains(ip("11.0.0.0")));
  CHECK_FALSE(ten.contains(ip("::10.1.2.3")));

  const auto odd = range("172.16.0.0/12");
  CHECK(odd.contains(ip("172.31.255.255")));
  CHECK_FALSE(odd.contains(ip("172.32.0.0")));
  CHECK_FALSE(odd.contains(ip("172.15.255.255")));

  CHECK(range("0.0.0.0/0").contains(ip("255.255.255.255")));
  CHECK(range("0.0.0.0/0").contains(ip("::ffff:1.2.3.4")));
  CHECK_FALSE(range("0.0.0.0/0").contains(ip("::1")));
  CHECK(range("::/0").contains(ip("::1")));
  CHECK_FALSE(range("::/0").contains(ip("1.2.3.4")));
  CHECK_FALSE(range("::/0").contains(ip("::ffff:1.2.3.4")));
  CHECK(range("::1/128").contains(ip("::1")));
  CHECK_FALSE(range("::1/128").contains(ip("::2")));
  CHECK(range("fd00::/9").contains(ip("fd7f::1")));
  CHECK_FALSE(range("fd00::/9").contains(ip("fd80::1")));
}

TEST_CASE("an address says who is behind it, at both ends of each range, mapped or not") {
  for (const auto text : {"127.0.0.0", "127.255.255.255", "::1", "::ffff:127.0.0.1"}) CHECK(rm::is_loopback(ip(text)));
  for (const auto text : {"126.255.255.255", "128.0.0.0", "::2", "::"}) CHECK_FALSE(rm::is_loopback(ip(text)));
  for (const auto text : {"0.0.0.0", "::", "::ffff:0.0.0.0"}) CHECK(rm::is_unspecified(ip(text)));
  CHECK_FALSE(rm::is_unspecified(ip("0.0.0.1")));
  for (const auto text :
       {"10.0.0.0", "172.16.0.0", "172.31.255.255", "192.168.255.255", "fc00::", "fdff::1", "::ffff:192.168.0.1"}) {
    CHECK(rm::is_private(ip(text)));
  }
  for (const auto text : {"172.32.0.0", "192.169.0.0", "11.0.0.0", "fe00::"}) CHECK_FALSE(rm::is_private(ip(text)));
  for (const auto text : {"169.254.169.254", "fe80::1", "febf::1", "::ffff:169.254.0.1"}) {
    CHECK(rm::is_link_local(ip(text)));
  }
  for (const auto text : {"169.255.0.0", "fec0::1"}) CHECK_FALSE(rm::is_link_local(ip(text)));
  for (const auto text : {"224.0.0.0", "239.255.255.255", "ff02::1"}) CHECK(rm::is_multicast(ip(text)));
  for (const auto text : {"223.255.255.255", "240.0.0.0", "fe80::1"}) CHECK_FALSE(rm::is_multicast(ip(text)));
}

TEST_CASE("public is what the special-purpose registries do not name") {
  for (const auto text :
       {"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.0.0", "172.32.0.0",
        "192.0.1.0", "192.88.98.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2001:200::1",
        "2a00::1", "3ffe::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"}) {
    CHECK_MESSAGE(rm::is_public(ip(text)), text);
  }
  for (const auto text :
       {"0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.169.254", "172.16.0.1",
        "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
        "203.0.113.7", "224.0.0.1", "240.0.0.1", "255.255.255.255"}) {
    CHECK_MESSAGE(!rm::is_public(ip(text)), text);
    CHECK_MESSAGE(!rm::is_public(ip("::ffff:" + std::string(text))), text);
    CHECK_MESSAGE(!rm::is_public(ip("64:ff9b::" + std::string(text))), text);
  }
  for (const auto text : {"::", "::1", "::127.0.0.1", "::8.8.8.8", "100::1", "64:ff9b:1::1", "2001::1", "2001:1ff::1",
                          "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff:fff::1", "4000::1", "5f00::1",
                          "fc00::1", "fe80::1", "fec0::1", "ff02::1"}) {
    CHECK_MESSAGE(!rm::is_public(ip(text)), text);
  }
}
