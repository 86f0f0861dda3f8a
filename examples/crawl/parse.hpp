// The work of a worker process: the links of one page.
#pragma once

#include <string>
#include <string_view>

namespace crawl {

/// Absolute http(s) links of the page at `url`, without fragments or duplicates, in order, each with a line feed
/// behind it (and none inside: a URL has none). In one string and not a vector of them: a page of 4 MB may have a
/// hundred thousand, and to make and free those takes 20 ms of the loop that receives them. With `crash_on_marker` a
/// page that holds the demo's marker makes this process abort, as a parser would that its input has overcome.
std::string parse_page(std::string_view html, std::string_view url, bool crash_on_marker);

}  // namespace crawl
