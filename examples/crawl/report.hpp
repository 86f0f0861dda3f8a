// What a crawl tells: a JSON line for each page, one status line on a terminal, a summary at the end.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace crawl {

/// One page, or what became of it.
class page_record {
 public:
  std::string url;
  int status = 0;  ///< 0: no answer
  std::size_t bytes = 0;
  std::size_t links = 0;
  std::size_t depth = 0;
  std::string error;  ///< empty: none
};

/// Counts, and the lines that have not been written yet.
class report {
 public:
  void add(const page_record& page);
  void note_lag(std::chrono::nanoseconds lag);
  void note_retry() { ++retried_; }
  void note_disallowed() { ++disallowed_; }

  /// The JSON lines since the last call.
  std::string take_lines();
  /// "123 pages, 45 queued, 6 errors, 7.8 MB"
  std::string status_line(std::size_t queued, std::size_t in_flight) const;
  /// Several lines, for people.
  std::string summary() const;

  std::size_t pages() const { return pages_; }
  std::size_t errors() const { return errors_; }
  /// Pages that were there: parsed or not, redirects included, without an error.
  std::size_t found() const { return found_; }
  std::size_t disallowed() const { return disallowed_; }
  const std::map<int, std::size_t>& by_status() const { return by_status_; }
  std::size_t crashed_pages() const { return crashed_; }
  std::chrono::nanoseconds worst_lag() const { return worst_lag_; }

  static constexpr std::string_view crash_error = "parser crashed";

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::string lines_;
  std::size_t pages_ = 0;
  std::size_t bytes_ = 0;
  std::size_t links_ = 0;
  std::size_t errors_ = 0;
  std::size_t found_ = 0;
  std::size_t crashed_ = 0;
  std::size_t retried_ = 0;
  std::size_t disallowed_ = 0;
  std::map<int, std::size_t> by_status_;
  std::map<std::string, std::size_t> by_error_;
  std::chrono::nanoseconds worst_lag_{0};
};

/// `text` as a JSON string with its quotes: valid UTF-8 whatever comes in, no control character that a terminal obeys.
std::string json_string(std::string_view text);

}  // namespace crawl
