// What a crawl is asked to do.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace crawl {

/// Where links are extracted: in worker processes, or on the loop (which then stands still meanwhile).
enum class parse_mode { workers, inline_ };
/// Which links are followed: those to the seed's host, or those that begin like the seed's folder.
enum class scope_mode { host, prefix };

class options {
 public:
  std::string seed;
  std::size_t max_pages = std::numeric_limits<std::size_t>::max();
  std::size_t max_depth = std::numeric_limits<std::size_t>::max();
  std::size_t concurrency = 32;
  std::size_t workers = 2;
  parse_mode parse = parse_mode::workers;
  scope_mode scope = scope_mode::host;
  std::string jsonl;                     ///< a file for the JSON lines; empty: standard output
  std::vector<std::string> extra_hosts;  ///< "host:port" that are in scope besides the seed's
  bool crash_on_marker = false;          ///< the demo: parsing a page with the marker crashes its worker
};

}  // namespace crawl
