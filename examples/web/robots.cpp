#include "web/robots.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace web {

namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

/// `ExampleBot/1.0 (+http://...)` is `ExampleBot`.
std::string_view product_of(std::string_view user_agent) {
  return user_agent.substr(0, user_agent.find_first_of("/ \t"));
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

bool is_unreserved(unsigned char c) {
  return (lower(static_cast<char>(c)) >= 'a' && lower(static_cast<char>(c)) <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").find(static_cast<char>(c)) != std::string_view::npos;
}

/// Brings a path or a pattern to the one spelling in which both are compared (RFC 9309, 2.2.2): `%XX` of unreserved
/// characters is decoded, everything outside ASCII is encoded, digits are upper case. In a query, delimiters are
/// decoded too: in the RFC's example `?baz=https://foo.bar` covers `?baz=https%3A%2F%2Ffoo.bar`. In a path `%2F` is no
/// slash. Literal stars and dollars become `%2A` and `%24`; in a pattern the wildcards stay.
std::string normalise(std::string_view text, bool pattern) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view delimiters = ":/?[]@";
  std::string out;
  out.reserve(text.size());
  bool in_query = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    const bool encoded =
        byte == '%' && text.size() - i > 2 && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    if (encoded) {
      byte = static_cast<unsigned char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    }
    const char c = static_cast<char>(byte);
    const bool wildcard = pattern && !encoded && (c == '*' || (c == '$' && i + 1 == text.size()));
    const bool delimiter = in_query && delimiters.find(c) != delimiters.npos;
    const bool plain = !encoded && byte > 0x20 && byte < 0x7F && c != '%' && c != '*' && c != '$';
    if (is_unreserved(byte) || wildcard || delimiter || plain) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
    // Behind a wildcard a pattern may already be in the query.
    if (!encoded && (c == '?' || (wildcard && c == '*'))) in_query = true;
  }
  return out;
}

enum class match { no, yes, too_expensive };

/// Whether `pattern` matches the front of `path`, or all of it with a `$`. On a mismatch only the last star is tried
/// further on, never an earlier one (whatever an earlier star could still do, the last one can do as well), so this
/// takes pattern times path steps at most; they are taken from `budget`.
match matches(std::string_view pattern, std::string_view path, std::size_t& budget) {
  const bool anchored = pattern.ends_with('$');
  if (anchored) pattern.remove_suffix(1);
  std::size_t at = 0, in_path = 0;
  std::size_t star = pattern.npos, resume = 0;  // the last star, and where in the path its rest is tried next
  for (;;) {
    if (budget == 0) return match::too_expensive;
    --budget;
    if (at == pattern.size() && (!anchored || in_path == path.size())) return match::yes;
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      resume = in_path;
    } else if (at < pattern.size() && in_path < path.size() && pattern[at] == path[in_path]) {
      ++at;
      ++in_path;
    } else if (star == pattern.npos || resume == path.size()) {
      return match::no;
    } else {
      at = star + 1;
      in_path = ++resume;
    }
  }
}

/// Seconds, with a fraction; nullopt if it is not a number or negative. What stands behind the number is ignored.
std::optional<std::chrono::milliseconds> parse_delay(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc::result_out_of_range && text.front() != '-') return robots::max_crawl_delay;
  if (error != std::errc() || !(seconds >= 0)) return std::nullopt;
  const double most = std::chrono::duration<double>(robots::max_crawl_delay).count();
  return std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(std::min(seconds, most)));
}

}  // namespace

/// Reads line by line; keeps the groups for our own token and for everyone apart.
class robots::reader {
 public:
  explicit reader(std::string_view product) : product_(product) {}

  void line(std::string_view text) {
    text = text.substr(0, text.find('#'));
    const std::size_t colon = text.find(':');
    if (colon == text.npos) return;
    const std::string_view key = trim(text.substr(0, colon));
    const std::string_view value = trim(text.substr(colon + 1));
    if (equal_ignoring_case(key, "user-agent"))
      user_agent(value);
    else if (equal_ignoring_case(key, "allow"))
      add_rule(value, true);
    else if (equal_ignoring_case(key, "disallow"))
      add_rule(value, false);
    else if (equal_ignoring_case(key, "crawl-delay"))
      add_delay(value);
    else if (equal_ignoring_case(key, "sitemap") && !value.empty())
      sitemaps.emplace_back(value);
  }

  group& result() { return ours_.named ? ours_ : everyones_; }

  std::vector<std::string> sitemaps;

 private:
  void user_agent(std::string_view value) {
    if (!naming_) for_us_ = for_everyone_ = false;
    naming_ = true;
    const std::string_view product = product_of(value);
    if (product == "*") for_everyone_ = true;
    if (!product_.empty() && equal_ignoring_case(product, product_)) for_us_ = ours_.named = true;
  }

  /// Only a rule ends the list of a group's user agents: other lines may stand in between (RFC 9309, 2.2.4).
  void add_rule(std::string_view value, bool allow) {
    naming_ = false;
    if (value.empty()) return;
    if (for_us_) ours_.rules.push_back({normalise(value, true), allow});
    if (for_everyone_) everyones_.rules.push_back({normalise(value, true), allow});
  }

  void add_delay(std::string_view value) {
    const auto delay = parse_delay(value);
    if (!delay) return;
    if (for_us_) ours_.crawl_delay = std::max(ours_.crawl_delay.value_or(*delay), *delay);
    if (for_everyone_) everyones_.crawl_delay = std::max(everyones_.crawl_delay.value_or(*delay), *delay);
  }

  std::string_view product_;
  group ours_, everyones_;
  bool naming_ = false;  // in the list of user agents that opens a group
  bool for_us_ = false, for_everyone_ = false;
};

robots robots::parse(std::string_view text, std::string_view product_token) {
  if (text.size() > max_size) {
    const std::size_t end = text.substr(0, max_size).find_last_of("\r\n");
    text = text.substr(0, end == text.npos ? 0 : end);
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);

  reader lines(product_of(product_token));
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("\r\n");  // CRLF makes one empty line more
    lines.line(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }

  robots result;
  result.rules_ = std::move(lines.result().rules);
  result.crawl_delay_ = lines.result().crawl_delay;
  result.sitemaps_ = std::move(lines.sitemaps);
  std::sort(result.rules_.begin(), result.rules_.end(), [](const rule& left, const rule& right) {
    if (left.pattern.size() != right.pattern.size()) return left.pattern.size() > right.pattern.size();
    return left.allow && !right.allow;
  });
  return result;
}

bool robots::allows(std::string_view path_and_query) const {
  if (path_and_query == "/robots.txt") return true;
  std::string path = normalise(path_and_query, false);
  if (!path.starts_with('/')) path.insert(0, 1, '/');
  std::size_t budget = match_budget;
  for (const rule& candidate : rules_) {
    const match outcome = matches(candidate.pattern, path, budget);
    if (outcome == match::too_expensive) return false;
    if (outcome == match::yes) return candidate.allow;
  }
  return true;
}

}  // namespace web
