#include "web/links.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace {

using list = std::vector<std::string>;

list links_of(std::string_view html) { return web::extract_links(html).links; }
list absolute(std::string_view html) { return web::extract_page_links(html, "http://h.test/d/page?q#f"); }
std::string refresh(std::string_view content) {
  const auto target = web::parse_refresh(content);
  return target.valid ? "to " + std::string(target.url) : "none";
}

}  // namespace

TEST_CASE("links are given as written, in document order, each once") {
  CHECK(links_of("<a href=b>x</a><area href='a'><A HREF=\"b\"><a name=c><a href=' d '>") == list{"b", "a", " d "});
  CHECK(links_of("<a href=''><a href>") == list{""});
  CHECK(links_of("<a href='?a=1&amp;b=2&copy=3'>") == list{"?a=1&b=2&copy=3"});
  CHECK(links_of("<a rel=nofollow href=x>") == list{"x"});
}

TEST_CASE("what only looks like a link is none") {
  CHECK(links_of("<!-- <a href=x> --><script>'<a href=x>'</script><style><a href=x></style><p title='<a href=x>'>")
            .empty());
  CHECK(links_of("</a href=x><abbr href=x>&lt;a href=x>").empty());
}

TEST_CASE("link elements count by their relation") {
  const auto page = web::extract_links(
      "<link rel=canonical href=1><link rel='shortcut ICON' href=2><link rel=stylesheet href=3><link href=4>"
      "<link rel='dns-prefetch PREV' href=5><link rel=preconnect href=6><link rel='alternate stylesheet' href=7>");
  CHECK(page.links == list{"1", "5"});
  CHECK(page.stylesheets == list{"3", "7"});
}

TEST_CASE("the first base with a href counts") {
  CHECK(web::extract_links("<base target=x><base href=/a/><base href=/b/>").base == "/a/");
}

TEST_CASE("meta robots is read word by word") {
  const auto flags = [](std::string_view content) {
    const auto page = web::extract_links("<META NAME=Robots CONTENT='" + std::string(content) + "'>");
    return (page.noindex ? 1 : 0) + (page.nofollow ? 2 : 0);
  };
  CHECK(flags("index,follow") == 0);
  CHECK(flags("NOINDEX") == 1);
  CHECK(flags("noarchive , nofollow") == 2);
  CHECK(flags("none") == 3);
  CHECK(flags("nonexistent,nofollowing") == 0);
}

TEST_CASE("the title is decoded and its white space collapsed") {
  CHECK(web::extract_links("<title>\n a <b> &amp;\n  c </title><title>d</title>").title == "a <b> & c");
  CHECK(web::extract_links("<svg><title>no</title></svg><title>yes</title>").title == "yes");
  CHECK(web::extract_links("<title>never closed").title == "never closed");
}

TEST_CASE("a refresh is parsed as the standard says") {
  CHECK(refresh("0;url=x") == "to x");
  CHECK(refresh(" 5 , URL = 'x y' z") == "to x y");
  CHECK(refresh("0;x") == "to x");
  CHECK(refresh("0 x") == "to x");
  CHECK(refresh("0.5.;url=x") == "to x");
  CHECK(refresh(".5;url=x") == "to x");
  CHECK(refresh("0; \"x\"y") == "to x");
  CHECK(refresh("0;ur") == "to ur");
  CHECK(refresh("0;urn:x") == "to urn:x");
  CHECK(refresh("0;url x") == "to url x");
  CHECK(refresh("0;url='x") == "to x");
  CHECK(refresh("0;url=") == "to ");
  CHECK(refresh("30") == "to ");
  CHECK(refresh("0a;url=x") == "none");
  CHECK(refresh("x;url=y") == "none");
  CHECK(refresh("") == "none");
  CHECK(refresh("-1;url=x") == "none");
}

TEST_CASE("the first valid refresh counts") {
  CHECK(web::extract_links("<meta http-equiv=refresh content='x'><meta http-equiv=Refresh content='0;url=a'>"
                           "<meta http-equiv=refresh content='0;url=b'>")
            .refresh == "a");
}

TEST_CASE("links become absolute http URLs without fragment, each once") {
  CHECK(absolute("<a href=x><a href='#top'><a href=./x#y><a href=mailto:a@b><a href='javascript:x'>"
                 "<a href='//o.test'><a href='HTTPS://s.test:443/%7e'><a href='http://['><a href=ftp://f/>") ==
        list{"http://h.test/d/x", "http://h.test/d/page?q", "http://o.test/", "https://s.test/%7e"});
}

TEST_CASE("base and refresh are honoured wherever they stand") {
  CHECK(absolute("<a href=x><base href='/b/c'><meta http-equiv=refresh content='1;url=y'>") ==
        list{"http://h.test/b/x", "http://h.test/b/y"});
  CHECK(absolute("<base href='http://['><a href=x>") == list{"http://h.test/d/x"});
  CHECK(absolute("<base href='data:x'><a href=x>") == list{"http://h.test/d/x"});
  CHECK(absolute("<base href='mailto:x'><a href=x><a href=http://o.test/>") == list{"http://o.test/"});
}

TEST_CASE("a nofollow page has no links but its refresh") {
  CHECK(absolute("<meta name=robots content=nofollow><a href=x><meta http-equiv=refresh content='0;y'>") ==
        list{"http://h.test/d/y"});
}

TEST_CASE("a page whose URL is none has no links") {
  CHECK(web::extract_page_links("<a href=/x>", "nonsense").empty());
}

TEST_CASE("a long base cannot multiply memory") {
  std::string page = "<base href='/" + std::string(1'000'000, 'b') + "/'><a href=http://o.test/>";
  for (int i = 0; i < 100'000; ++i) page += "<a href=" + std::to_string(i) + ">";
  CHECK(absolute(page) == list{"http://o.test/"});

  page = "<base href='/" + std::string(7'000, 'b') + "/'>";
  for (int i = 0; i < 50'000; ++i) page += "<a href=" + std::to_string(i) + ">";
  std::size_t total = 0;
  for (const std::string& each : absolute(page)) total += each.size();
  CHECK(total <= web::max_links_size + web::max_link_size);
}

TEST_CASE("links of mutated pages are absolute and unique") {
  const std::string page =
      "<base href=/a/><meta name=robots content=index><a href='x&amp;y#z'>t</a><link rel=next href=//o.test/n>"
      "<meta http-equiv=refresh content='3; url=r'><title>t</title><a href=http://u.test:8080/?q>";
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = page;
    for (unsigned edits = 1 + random() % 6; edits > 0; --edits)
      changed[random() % changed.size()] =
          static_cast<char>(random() % 4 ? page[random() % page.size()] : random() % 256);
    list found = absolute(changed);
    for (const std::string& each : found) {
      REQUIRE((each.starts_with("http://") || each.starts_with("https://")));
      REQUIRE(each.find('#') == std::string::npos);
    }
    std::sort(found.begin(), found.end());
    REQUIRE(std::adjacent_find(found.begin(), found.end()) == found.end());
  }
}
