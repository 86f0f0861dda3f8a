#include <ringmill/io/url.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace rm = ringmill;
using namespace std::string_view_literals;

namespace {

/// What `input` is serialised to, "failure" if it is refused.
std::string href(std::string_view input, std::string_view base = {}) {
  std::optional<rm::url> parsed_base;
  if (!base.empty()) {
    parsed_base = rm::url::parse(base);
    if (!parsed_base) return "bad base";
  }
  const auto parsed = rm::url::parse(input, parsed_base ? &*parsed_base : nullptr);
  if (!parsed) return "failure";
  const auto again = rm::url::parse(parsed->href());
  REQUIRE(again);
  CHECK(*again == *parsed);
  return parsed->href();
}

struct absolute_case {
  std::string_view input, expected;
};

struct relative_case {
  std::string_view base, input, expected;
};

void check_parsed(std::initializer_list<absolute_case> cases) {
  for (const auto& [input, expected] : cases) {
    CAPTURE(input);
    CHECK(href(input) == expected);
  }
}

void check_resolved(std::initializer_list<relative_case> cases) {
  for (const auto& [base, input, expected] : cases) {
    CAPTURE(base);
    CAPTURE(input);
    CHECK(href(input, base) == expected);
  }
}

void check_failures(std::initializer_list<std::string_view> inputs) {
  for (const std::string_view input : inputs) {
    CAPTURE(input);
    CHECK(href(input) == "failure");
  }
}

}  // namespace

TEST_CASE("an absolute URL is serialised in one way, however it is spelt") {
  check_parsed({
      {"http://example.com", "http://example.com/"},
      {"HTTP://EXAMPLE.com/A", "http://example.com/A"},
      {"http:example.com", "http://example.com/"},
      {"http:/example.com/", "http://example.com/"},
      {"http://///example.com/", "http://example.com/"},
      {"http:\\\\example.com\\a\\b?c\\d#e\\f", "http://example.com/a/b?c\\d#e\\f"},
      {"http://example.com?q", "http://example.com/?q"},
      {"http://example.com#f", "http://example.com/#f"},
      {"http://example.com/?", "http://example.com/?"},
      {"http://example.com/#", "http://example.com/#"},
      {"https://example.com./", "https://example.com./"},
      {"http://a.b-c_d/", "http://a.b-c_d/"},
      {"http://ex%41mple.com/", "http://example.com/"},
      {"http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"},
      {"http://!$&'()*+,;=~/", "http://!$&'()*+,;=~/"},
      {"ws://h:80/", "ws://h/"},
      {"a+b.c-1://h/p", "a+b.c-1://h/p"},
  });
}

TEST_CASE("tabs and line ends are dropped anywhere, blanks and controls at the ends") {
  check_parsed({
      {" \x01\x1F http://h/ \n", "http://h/"},
      {"ht\ntp\r:/\t/h\n/a\tb", "http://h/ab"},
      {"http://h/a b", "http://h/a%20b"},
      {"\0http://h/\0"sv, "http://h/"},
      {"http://h/\0x"sv, "http://h/%00x"},
  });
}

TEST_CASE("dot segments are resolved, encoded ones too") {
  check_parsed({
      {"http://h/a/./b", "http://h/a/b"},
      {"http://h/a/../b", "http://h/b"},
      {"http://h/a/..", "http://h/"},
      {"http://h/a/b/..", "http://h/a/"},
      {"http://h/a/.", "http://h/a/"},
      {"http://h/../../a", "http://h/a"},
      {"http://h/a/%2e%2E/b", "http://h/b"},
      {"http://h/a/.%2e", "http://h/"},
      {"http://h/a/%2E/b", "http://h/a/b"},
      {"http://h/a/...", "http://h/a/..."},
      {"http://h/a/..b", "http://h/a/..b"},
      {"http://h/a/%2e%2f", "http://h/a/%2e%2f"},
      {"http://h/a//../b", "http://h/a/b"},
      {"http://h/a\\..\\b", "http://h/b"},
      {"foo://h/a/../b", "foo://h/b"},
      {"foo://h/a\\..\\b", "foo://h/a\\..\\b"},
      {"foo:/a/../..", "foo:/"},
  });
}

TEST_CASE("each component has its percent-encode set") {
  check_parsed({
      {"http://h/ \"<>`#", "http://h/%20%22%3C%3E%60#"},
      {"http://h/^{}|[]\\x", "http://h/%5E%7B%7D|[]/x"},
      {"http://h/%zz%4", "http://h/%zz%4"},
      {"http://h/%7ea'", "http://h/%7ea'"},
      {"http://h/?a' \"<>`{}^|", "http://h/?a%27%20%22%3C%3E`{}^|"},
      {"foo://h/?a' \"<>`", "foo://h/?a'%20%22%3C%3E`"},
      {"http://h/#a' \"<>`{}#", "http://h/#a'%20%22%3C%3E%60{}#"},
      {"http://u/ser@h/", "http://u/ser@h/"},
      {"http://u^|;='{}@h/", "http://u%5E%7C%3B%3D'%7B%7D@h/"},
      {"http://h/\xC3\xA9?\xC3\xA9#\xC3\xA9", "http://h/%C3%A9?%C3%A9#%C3%A9"},
      {"http://h/\x7F~", "http://h/%7F~"},
  });
}

TEST_CASE("bytes that are not UTF-8 become replacement characters, one for each broken sequence") {
  check_parsed({
      {"http://h/\xFF", "http://h/%EF%BF%BD"},
      {"http://h/\xE2\x82", "http://h/%EF%BF%BD"},
      {"http://h/\xE2\x82x", "http://h/%EF%BF%BDx"},
      {"http://h/\xC0\x80", "http://h/%EF%BF%BD%EF%BF%BD"},
      {"http://h/\xED\xA0\x80", "http://h/%EF%BF%BD%EF%BF%BD%EF%BF%BD"},
      {"http://h/\xF4\x90", "http://h/%EF%BF%BD%EF%BF%BD"},
      {"http://h/\xF0\x9F\x92\xA9", "http://h/%F0%9F%92%A9"},
  });
}

TEST_CASE("user name and password end at the last at sign") {
  check_parsed({
      {"http://user:pass@h/", "http://user:pass@h/"},
      {"http://user@h/", "http://user@h/"},
      {"http://user:@h/", "http://user@h/"},
      {"http://:pass@h/", "http://:pass@h/"},
      {"http://:@h/", "http://h/"},
      {"http://@h/", "http://h/"},
      {"http://a@b@h/", "http://a%40b@h/"},
      {"http://a:b:c@d@h/", "http://a:b%3Ac%40d@h/"},
      {"http://good.example\\@evil.example/", "http://good.example/@evil.example/"},
      {"http://good.example:80@evil.example/", "http://good.example:80@evil.example/"},
  });
  check_failures({"http://user@", "http://user@/", "http://u:p@:80/", "foo://u@/"});
}

TEST_CASE("ports are decimal, at most 65535, and dropped where they are the default") {
  check_parsed({
      {"http://h:80/", "http://h/"},
      {"https://h:443", "https://h/"},
      {"https://h:80", "https://h:80/"},
      {"ftp://h:21/", "ftp://h/"},
      {"wss://h:443/", "wss://h/"},
      {"foo://h:80/", "foo://h:80/"},
      {"http://h:/", "http://h/"},
      {"http://h:0/", "http://h:0/"},
      {"http://h:00000000000000008080/", "http://h:8080/"},
      {"http://h:65535/", "http://h:65535/"},
  });
  check_failures({"http://h:65536/", "http://h:99999999999999999999/", "http://h:-1/", "http://h:8o/", "http://h:+8/",
                  "http://h:8 /", "http://h:1:2/", "http://:80/", "foo://:80/"});
}

TEST_CASE("an IPv4 address is recognised in all its forms") {
  check_parsed({
      {"http://127.0.0.1/", "http://127.0.0.1/"},
      {"http://2130706433/", "http://127.0.0.1/"},
      {"http://0x7f000001/", "http://127.0.0.1/"},
      {"http://0X7F.1/", "http://127.0.0.1/"},
      {"http://017700000001/", "http://127.0.0.1/"},
      {"http://0177.0.0.01/", "http://127.0.0.1/"},
      {"http://127.1/", "http://127.0.0.1/"},
      {"http://127.0.1/", "http://127.0.0.1/"},
      {"http://127.0.0.1./", "http://127.0.0.1/"},
      {"http://%31%32%37.1/", "http://127.0.0.1/"},
      {"http://0/", "http://0.0.0.0/"},
      {"http://0x/", "http://0.0.0.0/"},
      {"http://1.0x/", "http://1.0.0.0/"},
      {"http://4294967295/", "http://255.255.255.255/"},
      {"http://1.16777215/", "http://1.255.255.255/"},
      {"http://1.2.65535/", "http://1.2.255.255/"},
      {"http://1.2.3.4.example/", "http://1.2.3.4.example/"},
      {"http://1.2.3.4../", "http://1.2.3.4../"},
      {"foo://127.1/", "foo://127.1/"},
  });
}

TEST_CASE("a domain that ends in a number is an address or nothing") {
  check_failures({"http://1.2.3.4.5/", "http://256.0.0.1/", "http://1.2.3.256/", "http://1.2.65536/",
                  "http://1.16777216/", "http://4294967296/", "http://0x100000000/",
                  "http://99999999999999999999999999/", "http://09/", "http://1.08/", "http://foo.1/",
                  "http://foo.0x1/", "http://foo.09./", "http://1..2/", "http://.1/", "http://a.b.c.d.0/"});
}

TEST_CASE("an IPv6 address is read in full and written compressed") {
  check_parsed({
      {"http://[::]/", "http://[::]/"},
      {"http://[::1]:8080/", "http://[::1]:8080/"},
      {"http://[1:2:3:4:5:6:7:8]/", "http://[1:2:3:4:5:6:7:8]/"},
      {"http://[2001:0DB8:0:0:0:0:0:1]/", "http://[2001:db8::1]/"},
      {"http://[1:0:0:2:0:0:0:3]/", "http://[1:0:0:2::3]/"},
      {"http://[1:0:0:2:3:0:0:4]/", "http://[1::2:3:0:0:4]/"},
      {"http://[1:0:2:3:4:5:6:7]/", "http://[1:0:2:3:4:5:6:7]/"},
      {"http://[1:2:3:4:5:6:7::]/", "http://[1:2:3:4:5:6:7:0]/"},
      {"http://[::2:3:4:5:6:7:8]/", "http://[0:2:3:4:5:6:7:8]/"},
      {"http://[1:2::]/", "http://[1:2::]/"},
      {"http://[::127.0.0.1]/", "http://[::7f00:1]/"},
      {"http://[::ffff:7f00:1]/", "http://[::ffff:7f00:1]/"},
      {"http://[1:2:3:4:5:6:1.2.3.4]/", "http://[1:2:3:4:5:6:102:304]/"},
      {"foo://[0:0::1]/", "foo://[::1]/"},
      {"http://u:[@[::1]/", "http://u:%5B@[::1]/"},
  });
}

TEST_CASE("what only looks like an IPv6 address is refused") {
  check_failures({"http://[]/",
                  "http://[:]/",
                  "http://[:::]/",
                  "http://[1]/",
                  "http://[::1/",
                  "http://::1]/",
                  "http://[1:2:3:4:5:6:7]/",
                  "http://[1:2:3:4:5:6:7:8:9]/",
                  "http://[1:2:3:4:5:6:7:8::]/",
                  "http://[::1:2:3:4:5:6:7:8]/",
                  "http://[1::2::3]/",
                  "http://[1:]/",
                  "http://[:1]/",
                  "http://[12345::]/",
                  "http://[g::]/",
                  "http://[::1%25eth0]/",
                  "http://[::1.2.3]/",
                  "http://[::1.2.3.4.5]/",
                  "http://[::1.2.3.256]/",
                  "http://[::01.2.3.4]/",
                  "http://[::1.2.3.4:5]/",
                  "http://[::.1.2.3]/",
                  "http://[1:2:3:4:5:6:7:1.2.3.4]/",
                  "http://[::1]x/",
                  "http://x[::1]/",
                  "http://[::1]]/"});
}

TEST_CASE("a host with forbidden characters, or one that needs IDNA, is refused") {
  check_failures({"http://",
                  "http:",
                  "https:///",
                  "http://?q",
                  "http://#f",
                  "http://a b/",
                  "http://a<b/",
                  "http://a>b/",
                  "http://a^b/",
                  "http://a|b/",
                  "http://a%b/",
                  "http://a%20b/",
                  "http://a%2Fb/",
                  "http://a%00b/",
                  "http://a%3Ab/",
                  "http://a%7Fb/",
                  "http://%/",
                  "http://b\xC3\xBC"
                  "cher.example/",
                  "http://%C3%BC/",
                  "http://\xEF\xBC\x91/",
                  "foo://a b/",
                  "foo://a<b/",
                  "foo://a^b/"});
  CHECK(href("foo://a%20b%c3\xC3\xBC/") == "foo://a%20b%c3%C3%BC/");
}

TEST_CASE("schemes that are not special have opaque paths, opaque hosts, or none") {
  check_parsed({
      {"mailto:user@example.com?subject=a b", "mailto:user@example.com?subject=a%20b"},
      {"JavaScript:alert('x y')", "javascript:alert('x y')"},
      {"data:text/html,<b> x</b>#f", "data:text/html,<b> x</b>#f"},
      {"data:x #f", "data:x%20#f"},
      {"data:x  ?q", "data:x %20?q"},
      {"tel:+1\x7F\xC3\xA9", "tel:+1%7F%C3%A9"},
      {"about:blank", "about:blank"},
      {"foo:", "foo:"},
      {"foo:/", "foo:/"},
      {"foo:/a/./b", "foo:/a/b"},
      {"foo:a/../b", "foo:a/../b"},
      {"foo://", "foo://"},
      {"foo:///a", "foo:///a"},
      {"foo://h", "foo://h"},
      {"foo://H?q", "foo://H?q"},
      {"foo:/.//a", "foo:/.//a"},
      {"foo:/a/..//b", "foo:/.//b"},
      {"foo://h//a", "foo://h//a"},
  });
  check_failures({"", "a", "/a", "//h/a", "?q", "#f", ":a", "1http://h/", "ht tp://h/", "h\xC3\xA9://h/"});
}

TEST_CASE("file URLs have drive letters, and localhost is no host") {
  check_parsed({
      {"file:///etc/passwd", "file:///etc/passwd"},
      {"file:/etc", "file:///etc"},
      {"file:etc", "file:///etc"},
      {"file://localhost/etc", "file:///etc"},
      {"file://LOCALHOST", "file:///"},
      {"file://host/etc", "file://host/etc"},
      {"file:\\\\host\\etc", "file://host/etc"},
      {"file://c:/x", "file:///c:/x"},
      {"file:///C|/x/../..", "file:///C:/"},
      {"file:c|", "file:///c:"},
      {"file:///c:x/..", "file:///"},
      {"file:////h/x", "file:////h/x"},
      {"file://", "file:///"},
      {"file://127.1/x", "file://127.0.0.1/x"},
  });
  check_failures({"file://h:80/", "file://u@h/", "file://a b/"});
  check_resolved({
      {"file:///c:/a/b", "/x", "file:///c:/x"},
      {"file:///c:/a/b", "../../../x", "file:///c:/x"},
      {"file:///c:/a/b", "d:/x", "d:/x"},
      {"file:///c:/a/b", "d|/x", "file:///d:/x"},
      {"file:///c:/a/b", "/d:/x", "file:///d:/x"},
      {"file://h/a/b?q", "c", "file://h/a/c"},
      {"file://h/a/b?q", "", "file://h/a/b?q"},
      {"file://h/a/b?q", "?r", "file://h/a/b?r"},
      {"file://h/a/b?q", "#f", "file://h/a/b?q#f"},
      {"file://h/a/b", "/c", "file://h/c"},
      {"file://h/a/b", "//i/c", "file://i/c"},
      {"http://h/", "file:x", "file:///x"},
  });
}

TEST_CASE("a relative reference is resolved against its base") {
  constexpr std::string_view base = "http://u:p@h:8080/a/b/c?q#f";
  check_resolved({
      {base, "", "http://u:p@h:8080/a/b/c?q"},
      {base, "#g", "http://u:p@h:8080/a/b/c?q#g"},
      {base, "?", "http://u:p@h:8080/a/b/c?"},
      {base, "?r", "http://u:p@h:8080/a/b/c?r"},
      {base, "d", "http://u:p@h:8080/a/b/d"},
      {base, "d/", "http://u:p@h:8080/a/b/d/"},
      {base, "./d?x", "http://u:p@h:8080/a/b/d?x"},
      {base, "..", "http://u:p@h:8080/a/"},
      {base, "../../../d", "http://u:p@h:8080/d"},
      {base, "/d", "http://u:p@h:8080/d"},
      {base, "\\d", "http://u:p@h:8080/d"},
      {base, "//i", "http://i/"},
      {base, "\\/i/d", "http://i/d"},
      {base, "///i/d", "http://i/d"},
      {base, "//v@i:80/d", "http://v@i/d"},
      {base, "http:d", "http://u:p@h:8080/a/b/d"},
      {base, "http:/d", "http://u:p@h:8080/d"},
      {base, "https:d", "https://d/"},
      {base, "https://i/d", "https://i/d"},
      {base, ":d", "http://u:p@h:8080/a/b/:d"},
      {base, "d:e", "d:e"},
      {base, "1:2", "http://u:p@h:8080/a/b/1:2"},
      {base, "./d:e", "http://u:p@h:8080/a/b/d:e"},
      {base, " d e ", "http://u:p@h:8080/a/b/d%20e"},
      {base, "//", "failure"},
      {base, "http://", "failure"},
      {"http://h", "a", "http://h/a"},
      {"http://h/a/", "b", "http://h/a/b"},
      {"http://h//", "b", "http://h//b"},
      {"http://h//", "..", "http://h/"},
      {"foo://h/a/b", "c", "foo://h/a/c"},
      {"foo://h", "c", "foo://h/c"},
      {"foo://h", "..", "foo://h/"},
      {"foo://h/a", "\\c", "foo://h/\\c"},
      {"foo://h/a", "//", "foo://"},
      {"foo:/a", "..//b", "foo:/.//b"},
      {"foo:/a/b", "c", "foo:/a/c"},
      {"foo:/.//a", "b", "foo:/.//b"},
  });
}

TEST_CASE("only a fragment can be resolved against an opaque path") {
  check_resolved({
      {"mailto:a@b?q#f", "#g", "mailto:a@b?q#g"},
      {"data:x ", "#g", "data:x#g"},
      {"mailto:a@b", "", "failure"},
      {"mailto:a@b", "c", "failure"},
      {"mailto:a@b", "c#d", "failure"},
      {"mailto:a@b", "/c", "failure"},
      {"mailto:a@b", "?c", "failure"},
      {"mailto:a@b", "http://h/", "http://h/"},
      {"foo:", "a", "failure"},
  });
}

TEST_CASE("the components of a URL can be taken apart") {
  const auto full = rm::url::parse("https://us%20er:pa:ss@Example.com:8443/a/b?c=d#e");
  REQUIRE(full);
  CHECK(full->scheme() == "https");
  CHECK(full->username() == "us%20er");
  CHECK(full->password() == "pa%3Ass");
  CHECK(full->host() == "example.com");
  CHECK(full->has_host());
  CHECK(full->port() == 8443);
  CHECK(full->effective_port() == 8443);
  CHECK(full->path() == "/a/b");
  CHECK(full->query() == "c=d");
  CHECK(full->fragment() == "e");
  CHECK(full->request_target() == "/a/b?c=d");
  CHECK(full->origin() == "https://example.com:8443");
  CHECK(full->is_special());
  CHECK_FALSE(full->has_opaque_path());
  CHECK(full->without_fragment().href() == "https://us%20er:pa%3Ass@example.com:8443/a/b?c=d");
}

TEST_CASE("components that are absent are told from those that are empty") {
  const auto bare = rm::url::parse("http://[::1]");
  REQUIRE(bare);
  CHECK(bare->username().empty());
  CHECK(bare->password().empty());
  CHECK(bare->host() == "[::1]");
  CHECK_FALSE(bare->port());
  CHECK(bare->effective_port() == 80);
  CHECK_FALSE(bare->query());
  CHECK_FALSE(bare->fragment());
  CHECK(bare->request_target() == "/");
  CHECK(bare->without_fragment() == *bare);

  const auto empty = rm::url::parse("file:///?#");
  REQUIRE(empty);
  CHECK(empty->has_host());
  CHECK(empty->host().empty());
  CHECK(empty->query() == "");
  CHECK(empty->fragment() == "");
  CHECK(empty->request_target() == "/?");
  CHECK(empty->effective_port() == 0);
  CHECK(empty->without_fragment().href() == "file:///?");
  CHECK_FALSE(empty->without_fragment().fragment());

  const auto mail = rm::url::parse("mailto:a@b");
  REQUIRE(mail);
  CHECK_FALSE(mail->has_host());
  CHECK(mail->has_opaque_path());
  CHECK_FALSE(mail->is_special());
  CHECK(mail->path() == "a@b");

  CHECK(rm::url::parse("foo:/.//a")->path() == "//a");
}

TEST_CASE("origins are tuples of scheme, host and port, or null") {
  CHECK(rm::url::parse("http://u@h:80/x")->origin() == "http://h");
  CHECK(rm::url::parse("wss://h:1/x")->origin() == "wss://h:1");
  CHECK(rm::url::parse("blob:https://h:444/id")->origin() == "https://h:444");
  for (const char* opaque : {"file:///x", "foo://h/", "mailto:a", "blob:ftp://h/", "blob:blob:http://h/", "blob:x"})
    CHECK(rm::url::parse(opaque)->origin() == "null");
}

TEST_CASE("input and result are at most 64 KiB long") {
  const std::string start = "http://h/";
  CHECK(href(start + std::string(rm::url::max_length - start.size(), 'a')) != "failure");
  CHECK(href(start + std::string(rm::url::max_length - start.size() + 1, 'a')) == "failure");
  CHECK(href(start + std::string(rm::url::max_length / 3, ' ') + "a") == "failure");
  const auto base = rm::url::parse(start + std::string(rm::url::max_length - start.size() - 1, 'a') + "/");
  REQUIRE(base);
  CHECK_FALSE(rm::url::parse("a", &*base));
  CHECK(href("http://" + std::string(60000, '@') + "h") == "failure");  // each becomes three bytes
  CHECK(href("http://h" + std::string(60000, '/') + "..") != "failure");
  CHECK(href("http://" + std::string(60000, '1') + "/") == "failure");
}

TEST_CASE("random text never crashes the parser, and what it accepts it accepts again unchanged") {
  constexpr std::string_view pieces[] = {
      "http:", "https:", "file:", "foo:", "data:", "//",       "/",    "\\", "?",        "#",    "@",    ":",
      "[",     "]",      "[::1]", "::",   ".",     "..",       "%2e",  "%",  "%0",       "|",    "C:",   "c|",
      "a",     "1",      "0x",    "08",   "256",   "1.2.3.4",  " ",    "\t", "\n",       "\0"sv, "\x7F", "'",
      "<",     "^",      "`",     "\xFF", "\xC3",  "\xC3\xA9", "\xE2", "h",  "localhost"};
  constexpr std::string_view bases[] = {"http://u:p@h:81/a/b?q#f", "file:///c:/a", "mailto:x", "foo:/.//a", "foo://h"};
  std::mt19937 random(20240607);
  const auto below = [&random](std::size_t limit) { return random() % limit; };
  std::size_t accepted = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string input;
    for (std::size_t length = 1 + below(9); length > 0; --length) input += pieces[below(std::size(pieces))];
    const auto base = rm::url::parse(bases[below(std::size(bases))]);
    const auto parsed = rm::url::parse(input, below(2) == 0 ? &*base : nullptr);
    if (!parsed) continue;
    ++accepted;
    const auto again = rm::url::parse(parsed->href());
    const auto bare = rm::url::parse(parsed->without_fragment().href());
    if (!again || *again != *parsed || again->path() != parsed->path() || !bare || *bare != parsed->without_fragment())
      FAIL("not stable: " << input << " -> " << parsed->href());
  }
  CHECK(accepted > 10'000);
}
