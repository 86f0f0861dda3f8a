#include "crawl/report.hpp"

#include <fmt/format.h>

#include <utility>

namespace crawl {

namespace {

/// How many bytes at the front of `text` are one well-formed UTF-8 character; 0 if they are none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0)) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90)) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

std::string seconds(std::chrono::nanoseconds time) {
  return fmt::format("{:.2f} s", std::chrono::duration<double>(time).count());
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      out += "\\ufffd";
    } else if (first == '"' || first == '\\') {
      out += '\\';
      out += text[0];
    } else if (first < 0x20 || first == 0x7f) {
      out += fmt::format("\\u{:04x}", first);
    } else if (length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[1]));  // C1 controls: some terminals obey them
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out += '"';
}

void report::add(const page_record& page) {
  ++pages_;
  bytes_ += page.bytes;
  links_ += page.links;
  if (page.status != 0) ++by_status_[page.status];
  if (page.error.empty()) {
    if (page.status < 400) ++found_;
  } else {
    ++errors_;
    ++by_error_[page.error];
    if (page.error == crash_error) ++crashed_;
  }
  lines_ += fmt::format("{{\"url\":{},\"status\":{},\"bytes\":{},\"links\":{},\"depth\":{},\"error\":{}}}\n",
                        json_string(page.url), page.status, page.bytes, page.links, page.depth,
                        page.error.empty() ? "null" : json_string(page.error));
}

void report::note_lag(std::chrono::nanoseconds lag) {
  if (lag > worst_lag_) worst_lag_ = lag;
}

std::string report::take_lines() { return std::exchange(lines_, std::string()); }

std::string report::status_line(std::size_t queued, std::size_t in_flight) const {
  return fmt::format("{} pages, {} queued, {} in flight, {} errors, {:.1f} MB", pages_, queued, in_flight, errors_,
                     static_cast<double>(bytes_) / 1e6);
}

std::string report::summary() const {
  const auto elapsed = std::chrono::steady_clock::now() - start_;
  const double rate = static_cast<double>(pages_) / std::chrono::duration<double>(elapsed).count();
  std::string text = fmt::format("{} pages in {} ({:.0f} pages/s), {:.1f} MB, {} links\n", pages_, seconds(elapsed),
                                 rate, static_cast<double>(bytes_) / 1e6, links_);
  text += "  status:";
  for (const auto& [status, count] : by_status_) text += fmt::format(" {}: {}", status, count);
  text += "\n";
  for (const auto& [error, count] : by_error_) text += fmt::format("  error: {}: {}\n", error, count);
  text += fmt::format(
      "  left out by robots.txt: {}; pages parsed again after a worker died: {}; worst lag of the loop: {:.1f} ms\n",
      disallowed_, retried_, static_cast<double>(worst_lag_.count()) / 1e6);
  return text;
}

}  // namespace crawl
