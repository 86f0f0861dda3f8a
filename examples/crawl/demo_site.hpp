// A small web on three loopback addresses, as data: what `crawl --demo` serves to itself and crawls.
//
// A handbook (127.0.0.1), a news site (127.0.0.2) and a library (127.0.0.3) that link to each other in the ways real
// sites do: relative, absolute, with a base element, with character references, by redirect and by refresh; with a
// loop, a missing page, a failing and a slow one, one that crashes its parser, an image, and what only looks like a
// link. It knows what a crawl of it must find, so that a summary can be checked.
//
// Deliberately not here: sockets. Whoever serves it waits `delay`, sends the page, and keeps the counters.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace crawl {

class demo_site {
 public:
  /// In the body of one page, in a comment. Whoever parses for the demo aborts when it sees this.
  static constexpr std::string_view crash_marker = "ringmill demo: this comment crashes the parser";
  static constexpr std::array<std::string_view, 3> hosts = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};

  /// One answer.
  struct page {
    int status = 200;
    std::string content_type = "text/html; charset=utf-8";
    std::string body{};
    std::string location{};             ///< of a redirect, as the header has it; else empty
    std::chrono::milliseconds delay{};  ///< to wait before the head is sent
  };

  /// What a crawl from `seed()` over the three hosts meets that respects robots.txt, requests each URL once and takes a
  /// redirect for an answer whose target is one more link. Requests for robots.txt are not counted.
  struct totals {
    std::map<int, std::size_t> by_status;  ///< URLs by status; those of the loop are redirects
    std::size_t pages = 0;                 ///< all of these
    std::size_t html_pages = 0;            ///< with status 200, to be parsed; the crashing one is among them
    std::size_t crashing = 0;
    std::size_t disallowed = 0;  ///< URLs that are linked and not to be requested
  };

  /// The same site for the same port: the port on which all three addresses listen.
  static demo_site make(std::uint16_t port);

  /// `path` is the target of a request: path and query. Null: no such page, to be answered with 404. `host` is without
  /// its port.
  const page* find(std::string_view host, std::string_view path) const;

  /// Where a crawl begins: `http://127.0.0.1:port/`.
  const std::string& seed() const noexcept { return seed_; }
  const totals& expected() const noexcept { return expected_; }

 private:
  class builder;
  std::map<std::string, page, std::less<>> pages_;  // by host and path, written together
  std::string seed_;
  totals expected_;
};

}  // namespace crawl
