#include "web/robots.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using web::robots;

namespace {

/// What one pattern, as the only rule, says about a path.
bool disallows(std::string_view pattern, std::string_view path) {
  return !robots::parse("User-agent: *\nDisallow: " + std::string(pattern) + "\n", "bot").allows(path);
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("the simple example of RFC 9309, 5.1 is read as it says there") {
  const std::string_view file =
      "User-Agent: *\n"
      "Disallow: *.gif$\n"
      "Disallow: /example/\n"
      "Allow: /publications/\n"
      "\n"
      "User-Agent: foobot\n"
      "Disallow:/\n"
      "Allow:/example/page.html\n"
      "Allow:/example/allowed.gif\n"
      "\n"
      "User-Agent: barbot\n"
      "User-Agent: bazbot\n"
      "Disallow: /example/page.html\n"
      "\n"
      "User-Agent: quxbot\n";
  const robots any = robots::parse(file, "somebot");
  CHECK_FALSE(any.allows("/a/b.gif"));
  CHECK(any.allows("/a/b.gif?x"));
  CHECK_FALSE(any.allows("/example/"));
  CHECK(any.allows("/publications/x"));

  const robots foobot = robots::parse(file, "foobot");
  CHECK_FALSE(foobot.allows("/"));
  CHECK(foobot.allows("/example/page.html"));
  CHECK(foobot.allows("/example/allowed.gif"));
  CHECK_FALSE(foobot.allows("/publications/"));

  for (const char* name : {"barbot", "BazBot", "bazbot/2.1"}) {
    const robots bar = robots::parse(file, name);
    CHECK_FALSE(bar.allows("/example/page.html"));
    CHECK(bar.allows("/a.gif"));
  }
  CHECK(robots::parse(file, "quxbot").allows("/example/a.gif"));
}

TEST_CASE("the longest match decides, whatever the order (RFC 9309, 5.2)") {
  const robots rules =
      robots::parse("User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n", "foobot");
  CHECK(rules.allows("/example/page/x"));
  CHECK_FALSE(rules.allows("/example/page/disallowed.gif"));

  const robots turned = robots::parse("User-agent: *\nDisallow: /\nAllow: /$\n", "x");
  CHECK(turned.allows("/"));
  CHECK(turned.allows(""));
  CHECK_FALSE(turned.allows("/page"));
}

TEST_CASE("allow wins between rules of equal length") {
  CHECK(robots::parse("User-agent: *\nDisallow: /folder\nAllow: /folder\n", "x").allows("/folder/page"));
  CHECK(robots::parse("User-agent: *\nAllow: /folder\nDisallow: /folder\n", "x").allows("/folder/page"));
}

TEST_CASE("a star is any sequence, a dollar at the end is the end") {
  CHECK(disallows("/fish", "/fish.html"));
  CHECK_FALSE(disallows("/fish", "/Fish.asp"));
  CHECK_FALSE(disallows("/fish", "/catfish"));
  CHECK(disallows("/fish*", "/fish"));
  CHECK(disallows("/*.php", "/folder/filename.php?parameters"));
  CHECK_FALSE(disallows("/*.php", "/windows.PHP"));
  CHECK(disallows("/*.php$", "/a.php.php"));
  CHECK_FALSE(disallows("/*.php$", "/filename.php?parameters"));
  CHECK_FALSE(disallows("/*.php$", "/filename.php/"));
  CHECK(disallows("/fish*.php", "/fishheads/catfish.php?parameters"));
  CHECK(disallows("/a*b*c", "/a-b-bb-c-d"));
  CHECK_FALSE(disallows("/a*b*c$", "/abcd"));
  CHECK(disallows("/a*$", "/abcd"));
  CHECK(disallows("*", "/"));
  CHECK(disallows("/$", "/"));
  CHECK_FALSE(disallows("/$", "/a"));
  CHECK(disallows("/a$b", "/a$b/c"));
}

TEST_CASE("percent-encoding is normalised on both sides (RFC 9309, 2.2.2)") {
  CHECK(disallows("/foo/bar?baz=quz", "/foo/bar?baz=quz"));
  CHECK(disallows("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar"));
  CHECK(disallows("/foo/bar/\xE3\x83\x84", "/foo/bar/%E3%83%84"));
  CHECK(disallows("/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84"));
  CHECK(disallows("/foo/bar/%62%61%7A", "/foo/bar/baz"));
  CHECK(disallows("/foo/bar/baz", "/foo/bar/%62%61%7A"));
  CHECK_FALSE(disallows("/a/b", "/a%2Fb"));
  CHECK(disallows("/100%", "/100%25"));
}

TEST_CASE("an encoded star or dollar is a character (RFC 9309, 2.2.3)") {
  CHECK(disallows("/path/file-with-a-%2A.html", "/path/file-with-a-*.html"));
  CHECK_FALSE(disallows("/path/file-with-a-%2A.html", "/path/file-with-a-b.html"));
  CHECK(disallows("/path/foo-%24", "/path/foo-$"));
  CHECK_FALSE(disallows("/path/foo-%24", "/path/foo-"));
}

TEST_CASE("groups that name the same crawler are merged, and leave the star group out") {
  const robots rules = robots::parse(
      "User-agent: bot\nDisallow: /a\n\nUser-agent: *\nDisallow: /c\n\nUser-agent: BOT/1.0\nDisallow: /b\n", "Bot");
  CHECK_FALSE(rules.allows("/a"));
  CHECK_FALSE(rules.allows("/b"));
  CHECK(rules.allows("/c"));
}

TEST_CASE("a longer or shorter name is another crawler") {
  const std::string_view file = "User-agent: googlebot-news\nDisallow: /\n";
  CHECK(robots::parse(file, "googlebot").allows("/x"));
  CHECK(robots::parse(file, "googlebot-news-2").allows("/x"));
}

TEST_CASE("lines that are no rules do not separate the user agents of a group") {
  const robots rules =
      robots::parse("User-agent: a\nSitemap: http://h/s.xml\nCrawl-delay: 1\nUser-agent: b\nDisallow: /x\n", "a");
  CHECK_FALSE(rules.allows("/x"));
  CHECK(rules.crawl_delay() == 1s);
}

TEST_CASE("rules before any user agent, unknown lines and lines without a colon are skipped") {
  const robots rules =
      robots::parse("Disallow: /\nHost: h\nnonsense\n:\nUser-agent: *\nNoindex: /b\nDisallow /c\nDisallow: /d\n", "x");
  CHECK(rules.allows("/a"));
  CHECK(rules.allows("/b"));
  CHECK(rules.allows("/c"));
  CHECK_FALSE(rules.allows("/d"));
}

TEST_CASE("an empty disallow allows everything") {
  CHECK(robots::parse("User-agent: *\nDisallow:\n", "x").allows("/a"));
  CHECK(robots::parse("User-agent: *\nDisallow: # all of it\n", "x").allows("/a"));
}

TEST_CASE("lines end in CR, LF or CRLF; a byte order mark, comments and blanks do not matter") {
  for (const std::string_view end : {"\n", "\r", "\r\n"}) {
    std::string file = "\xEF\xBB\xBF";
    for (const std::string_view line : {" user-AGENT :\tbot # me", "# comment", "", "DISALLOW:  /a  # b"})
      file.append(line).append(end);
    const robots rules = robots::parse(file, "bot");
    CHECK_FALSE(rules.allows("/a"));
    CHECK(rules.allows("/b"));
  }
}

TEST_CASE("robots.txt itself is always allowed") {
  const robots nothing = robots::parse("User-agent: *\nDisallow: /\n", "x");
  CHECK(nothing.allows("/robots.txt"));
  CHECK_FALSE(nothing.allows("/robots.txt.html"));
}

TEST_CASE("without rules all is allowed, and with a rule for / nothing") {
  CHECK(robots::allow_all().allows("/a"));
  const robots nothing = robots::parse("User-agent: *\nDisallow: /\n", "x");
  CHECK_FALSE(nothing.allows("/a"));
  CHECK_FALSE(nothing.allows(""));
  CHECK(robots::parse("", "x").allows("/a"));
}

TEST_CASE("a crawl delay is read with its fraction and clamped to a minute") {
  const auto delay = [](std::string_view value) {
    return robots::parse("User-agent: *\nCrawl-delay: " + std::string(value) + "\n", "x").crawl_delay();
  };
  CHECK(delay("2") == 2000ms);
  CHECK(delay("0.5") == 500ms);
  CHECK(delay("0") == 0ms);
  CHECK(delay("10s") == 10s);
  CHECK(delay("61") == 60s);
  for (const char* huge : {"1e9", "1e999", "inf", "99999999999999999999999999999999"}) CHECK(delay(huge) == 60s);
  for (const char* wrong : {"", "-1", "-1e999", "nan", "soon", "+"}) CHECK_FALSE(delay(wrong));
  CHECK_FALSE(robots::parse("User-agent: other\nCrawl-delay: 5\n", "x").crawl_delay());
  CHECK(robots::parse("User-agent: x\nCrawl-delay: 5\nCrawl-delay: 3\n", "x").crawl_delay() == 5s);
}

TEST_CASE("sitemaps are collected from everywhere, with the colons of their addresses") {
  const robots rules =
      robots::parse("Sitemap: https://h:8443/a.xml\nUser-agent: other\nDisallow: /\nsitemap:/b.xml\nSitemap:\n", "x");
  CHECK(rules.sitemaps() == std::vector<std::string>{"https://h:8443/a.xml", "/b.xml"});
}

TEST_CASE("what lies beyond 500 KiB is not read, nor is the line that the limit cuts") {
  const std::string head = "User-agent: *\nDisallow: /early\n";
  std::string file = head + repeat("#", robots::max_size - head.size() - 12) + "\nDisallow: /ab\nDisallow: /late\n";
  REQUIRE(file.substr(0, robots::max_size).ends_with("Disallow: /"));
  const robots rules = robots::parse(file, "x");
  CHECK_FALSE(rules.allows("/early"));
  CHECK(rules.allows("/late"));
  CHECK(rules.allows("/other"));  // "Disallow: /" would be what is left of the line
  CHECK(robots::parse(repeat("Disallow: /", robots::max_size), "x").allows("/a"));
}

TEST_CASE("thousands of stars cost no more than pattern times path") {
  const std::string path = "/" + repeat("a", 4000);
  CHECK(disallows("/" + repeat("*", 5000) + "a", path));
  CHECK_FALSE(disallows("/" + repeat("*a", 3000) + "*b", path));
  CHECK(disallows("/" + repeat("*a", 3000) + "$", path));
}

TEST_CASE("a file made to be slow is answered in bounded time, with no") {
  const std::string pattern = "/*" + repeat("a", 2000) + "b\n";
  const std::string file = "User-agent: *\n" + repeat("Disallow: " + pattern, 200);
  const robots rules = robots::parse(file, "x");
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(rules.allows("/" + repeat("a", 60000)));
  CHECK(std::chrono::steady_clock::now() - start < 5s);
  CHECK(rules.allows("/short"));
}

TEST_CASE("bytes that are not text are harmless") {
  std::string file = "User-agent: *\nDisallow: /x\n";
  for (int byte = 0; byte < 256; ++byte) file += static_cast<char>(byte);
  const robots rules = robots::parse(file + '\0', "x");
  CHECK_FALSE(rules.allows("/x"));
  CHECK(rules.allows(std::string("/\0\xFF%", 4)));
}
