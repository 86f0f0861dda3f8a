#include "crawl/parse.hpp"

#include <cstdlib>

#include "crawl/demo_site.hpp"
#include "web/links.hpp"

namespace crawl {

std::string parse_page(std::string_view html, std::string_view url, bool crash_on_marker) {
  if (crash_on_marker && html.find(demo_site::crash_marker) != std::string_view::npos) std::abort();
  std::string lines;
  for (const std::string& link : web::extract_page_links(html, url)) lines.append(link).append(1, '\n');
  return lines;
}

}  // namespace crawl
