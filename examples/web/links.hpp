// What a crawler wants of an HTML page: where it leads, and whether its author wants to be crawled.
//
// Deliberately not here: links that only scripts know, sources of images and frames, and <svg:a xlink:href>. A link
// with rel=nofollow is reported like any other: that is a hint to a search engine about endorsement, not a request to
// stay away (robots.txt and <meta name=robots content=nofollow> are).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ringmill/io/url.hpp>

namespace web {

// References are as the page has them: character references decoded, otherwise not touched, resolved or checked.
struct page_links {
  // href of <a>, <area>, and of <link> that leads to a page (canonical, alternate, next, prev and the like; not
  // preconnect, icon or preload). In document order, each once.
  std::vector<std::string> links;
  std::vector<std::string> stylesheets;  // href of <link rel=stylesheet>, likewise
  std::string base;                      // href of the first <base> that has one; empty if none has
  std::string refresh;   // where <meta http-equiv=refresh> leads; empty if nowhere, or to the page itself
  std::string title;     // white space collapsed
  bool noindex = false;  // <meta name=robots>
  bool nofollow = false;
};

// Linear in the page, but for sorting its links; a result of at most a few times the size of the page. Never throws for
// what the page says.
[[nodiscard]] page_links extract_links(std::string_view html);

// What the content of <meta http-equiv=refresh> leads to, after the standard's "shared declarative refresh steps".
struct refresh_target {
  bool valid = false;    // the page will be reloaded or left
  std::string_view url;  // part of the content; empty: the page itself
};
[[nodiscard]] refresh_target parse_refresh(std::string_view content);

// The limits of resolve_links. A page of a megabyte can otherwise ask for terabytes: a long <base> times many links.
inline constexpr std::size_t max_link_size = 8 * 1024;           // longer references and URLs are left out
inline constexpr std::size_t max_links_size = 32 * 1024 * 1024;  // of all URLs; what comes behind is left out

// The links, then the refresh, as absolute http and https URLs without fragment, each once, in order. Resolved against
// the page's base, or else against `page_url`. What is no URL is left out. With a base longer than `max_link_size` only
// absolute links remain.
[[nodiscard]] std::vector<std::string> resolve_links(const page_links& page, const ringmill::url& page_url);

// Both steps, in types that can travel to a worker process and back. A page that says nofollow has no links, but its
// refresh remains, for that is a redirect. Empty if `page_url` is no URL.
[[nodiscard]] std::vector<std::string> extract_page_links(std::string_view html, std::string_view page_url);

}  // namespace web
