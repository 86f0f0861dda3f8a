// robots.txt after RFC 9309: may a crawler fetch this path, and how fast?
//
//     auto rules = web::robots::parse(body, "ringmill-crawl");
//     if (rules.allows(link.request_target())) ...
//
// What a crawler does when there is no such file (all is allowed) or the server fails (nothing is) is its own decision.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace web {

/// The rules of one host for one crawler. A value; asking it costs no more than `match_budget` steps, whatever the
/// file.
class robots {
 public:
  /// What is read of a file (RFC 9309, 2.5). A line that is cut by the limit is not read at all.
  static constexpr std::size_t max_size = 500 * 1024;
  static constexpr std::chrono::milliseconds max_crawl_delay = std::chrono::seconds(60);
  /// Characters compared for one answer. A file made to need more of them (wildcards against long paths) gets "no".
  static constexpr std::size_t match_budget = std::size_t{1} << 24;

  /// Reads `text`, bytes as they came. The groups that name `product_token` are merged (case does not matter, nor does
  /// a version behind a slash); without one, those for `*` are. Lines that are not understood are skipped.
  static robots parse(std::string_view text, std::string_view product_token);
  static robots allow_all() { return {}; }

  /// Whether a path with its query, as in a request line, may be fetched: the longest rule that matches decides,
  /// "allow" between equal ones, and yes if there is none. /robots.txt itself is always allowed.
  bool allows(std::string_view path_and_query) const;
  /// Seconds to leave between two requests, if the group asks for it; at most `max_crawl_delay`.
  std::optional<std::chrono::milliseconds> crawl_delay() const noexcept { return crawl_delay_; }
  /// Addresses of sitemaps in order of appearance, whatever the group, as they are written.
  const std::vector<std::string>& sitemaps() const noexcept { return sitemaps_; }

 private:
  struct rule {
    std::string pattern;  // normalised; `*` is a wildcard, `$` at the end an anchor
    bool allow = false;
  };
  /// What the groups for one product token say.
  struct group {
    bool named = false;
    std::vector<rule> rules;
    std::optional<std::chrono::milliseconds> crawl_delay;
  };
  class reader;

  std::vector<rule> rules_;  // in order of precedence: the first that matches decides
  std::optional<std::chrono::milliseconds> crawl_delay_;
  std::vector<std::string> sitemaps_;
};

}  // namespace web
