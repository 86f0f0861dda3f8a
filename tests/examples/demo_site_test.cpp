#include "crawl/demo_site.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include <ringmill/io/url.hpp>

#include "web/links.hpp"
#include "web/robots.hpp"

using crawl::demo_site;
using ringmill::url;

namespace {

// A crawl without a network.
class walk {
 public:
  explicit walk(const demo_site& site) : site_(site) {
    for (auto host : demo_site::hosts)
      rules_[std::string(host)] = web::robots::parse(site.find(host, "/robots.txt")->body, "ringmill-crawl");
    meet(site.seed());
    while (!queue_.empty()) {
      const url next = *url::parse(queue_.front());
      queue_.pop_front();
      request(next);
    }
  }

  demo_site::totals met;
  std::set<std::string> missing;

 private:
  void meet(const std::string& link) {
    const auto target = url::parse(link);
    REQUIRE(target);
    REQUIRE(rules_.contains(std::string(target->host())));
    if (!seen_.insert(link).second) return;
    if (rules_[std::string(target->host())].allows(target->request_target()))
      queue_.push_back(link);
    else
      ++met.disallowed;
  }

  void request(const url& at) {
    const demo_site::page* page = site_.find(at.host(), at.request_target());
    ++met.pages;
    ++met.by_status[page ? page->status : 404];
    if (!page) {
      missing.insert(std::string(at.request_target()));
    } else if (!page->location.empty()) {
      meet(url::parse(page->location, &at)->href());
    } else if (page->content_type.starts_with("text/html") && page->status == 200) {
      ++met.html_pages;
      if (page->body.find(demo_site::crash_marker) != std::string::npos)
        ++met.crashing;
      else
        for (const std::string& link : web::extract_page_links(page->body, at.href())) meet(link);
    }
  }

  const demo_site& site_;
  std::map<std::string, web::robots> rules_;
  std::set<std::string> seen_;
  std::deque<std::string> queue_;
};

}  // namespace

TEST_CASE("a crawl of the demo site meets what the site expects") {
  for (std::uint16_t port : {8080, 80}) {
    const demo_site site = demo_site::make(port);
    const walk crawl(site);
    const auto& expected = site.expected();
    CHECK(crawl.met.by_status == expected.by_status);
    CHECK(crawl.met.pages == expected.pages);
    CHECK(crawl.met.html_pages == expected.html_pages);
    CHECK(crawl.met.crashing == expected.crashing);
    CHECK(crawl.met.disallowed == expected.disallowed);
    CHECK(crawl.missing == std::set<std::string>{"/missing.html", "/items/9999.html"});
  }
}

TEST_CASE("the demo site has one of everything") {
  const demo_site site = demo_site::make(8080);
  const auto& expected = site.expected();
  CHECK(expected.html_pages >= 60);
  CHECK(expected.crashing == 1);
  for (int status : {200, 301, 302, 307, 404, 500}) CHECK(expected.by_status.contains(status));
  CHECK(site.find("127.0.0.1", "/slow.html")->delay == std::chrono::milliseconds(800));
  CHECK(site.find("127.0.0.1", "/logo.png")->content_type == "image/png");
  CHECK(site.find("127.0.0.1", "/loop/b")->location == "/loop/a");
  std::string summary;
  for (auto [status, count] : expected.by_status)
    summary += std::to_string(status) + ": " + std::to_string(count) + "  ";
  MESSAGE(summary << "pages: " << expected.pages << ", html: " << expected.html_pages);
}

TEST_CASE("pages are found by host and path alone") {
  const demo_site site = demo_site::make(8080);
  CHECK(site.seed() == "http://127.0.0.1:8080/");
  CHECK(site.find("127.0.0.3", "/book?id=1&lang=en"));
  CHECK_FALSE(site.find("127.0.0.1", "/book?id=1&lang=en"));
  CHECK_FALSE(site.find("127.0.0.4", "/"));
  CHECK_FALSE(site.find("127.0.0.1", ""));
  CHECK_FALSE(site.find("127.0.0", ".1/"));
  CHECK_FALSE(site.find("127.0.0.1", "/ghost1.html"));
}

TEST_CASE("the demo site is the same each time, and no two pages are equal") {
  const demo_site one = demo_site::make(1), two = demo_site::make(1);
  CHECK(one.find("127.0.0.1", "/rings/1.html")->body == two.find("127.0.0.1", "/rings/1.html")->body);
  CHECK(one.find("127.0.0.1", "/rings/1.html")->body != one.find("127.0.0.1", "/rings/2.html")->body);
}
