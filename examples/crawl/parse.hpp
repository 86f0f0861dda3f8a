// The work of a worker process: the links of one page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crawl {

/// Absolute http(s) links of the page at `url`, without fragments or duplicates, in order. With `crash_on_marker` a page
/// that holds the demo's marker makes this process abort, as a parser would that its input has overcome.
std::vector<std::string> parse_page(std::string_view html, std::string_view url, bool crash_on_marker);

}  // namespace crawl
