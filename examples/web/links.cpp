#include "web/links.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "web/entities.hpp"
#include "web/html.hpp"

namespace web {
namespace {

constexpr std::string_view white_space = " \t\n\f\r";

// Calls `visit` with each word of `text`, until that gives true; whether it did.
template <class Visit>
bool any_word(std::string_view text, std::string_view separators, Visit visit) {
  while (true) {
    const std::size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return false;
    text.remove_prefix(begin);
    const std::size_t size = std::min(text.find_first_of(separators), text.size());
    if (visit(text.substr(0, size))) return true;
    text.remove_prefix(size);
  }
}

bool has_word(std::string_view text, std::string_view lower) {
  return any_word(text, white_space, [&](std::string_view word) { return equals_ignoring_case(word, lower); });
}

// Relations whose target is a page for readers. Named one by one, for the others (icons, preloads, endpoints, keys) are
// many and grow in number.
bool leads_to_page(std::string_view rel) {
  constexpr std::array<std::string_view, 19> relations = {
      "alternate", "amphtml", "author", "bookmark", "canonical", "contents", "copyright", "first", "help", "index",
      "last",      "license", "next",   "prev",     "previous",  "search",   "shortlink", "start", "up"};
  return any_word(rel, white_space, [&](std::string_view word) {
    return std::any_of(relations.begin(), relations.end(), [&](auto each) { return equals_ignoring_case(word, each); });
  });
}

// Keeps the first of each, in order. By sorting, not hashing: a page cannot choose its links so that this is slow.
void remove_duplicates(std::vector<std::string>& list) {
  std::vector<std::size_t> order(list.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const int difference = list[a].compare(list[b]);
    return difference != 0 ? difference < 0 : a < b;
  });
  std::vector<bool> repeated(list.size());
  for (std::size_t i = 1; i < order.size(); ++i) repeated[order[i]] = list[order[i]] == list[order[i - 1]];
  std::size_t kept = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (repeated[i]) continue;
    if (kept != i) list[kept] = std::move(list[i]);
    ++kept;
  }
  list.resize(kept);
}

std::string collapsed_title(std::string_view raw) {
  std::string result;
  any_word(decode_references(raw, reference_context::text), white_space, [&](std::string_view word) {
    if (!result.empty()) result += ' ';
    result += word;
    return false;
  });
  return result;
}

// Reads the tags of a page one by one into a page_links.
class collector {
 public:
  void read(const tag& t) {
    if (t.is("a") || t.is("area")) {
      if (auto href = t.value("href")) result_.links.push_back(std::move(*href));
    } else if (t.is("link")) {
      read_link(t);
    } else if (t.is("meta")) {
      read_meta(t);
    } else if (t.is("base") && !has_base_) {
      if (auto href = t.value("href")) {
        has_base_ = true;
        result_.base = std::move(*href);
      }
    }
  }

  void title(std::string_view raw) { result_.title = collapsed_title(raw); }

  page_links finish() {
    remove_duplicates(result_.links);
    remove_duplicates(result_.stylesheets);
    return std::move(result_);
  }

 private:
  void read_link(const tag& t) {
    const auto href = t.value("href");
    const auto rel = t.value("rel");
    if (!href || !rel) return;
    if (has_word(*rel, "stylesheet"))
      result_.stylesheets.push_back(*href);
    else if (leads_to_page(*rel))
      result_.links.push_back(*href);
  }

  void read_meta(const tag& t) {
    const auto content = t.value("content");
    if (!content) return;
    const auto name = t.value("name");
    if (name && equals_ignoring_case(*name, "robots")) {
      any_word(*content, ", \t\n\f\r", [&](std::string_view word) {
        const bool none = equals_ignoring_case(word, "none");
        result_.noindex |= none || equals_ignoring_case(word, "noindex");
        result_.nofollow |= none || equals_ignoring_case(word, "nofollow");
        return false;
      });
    }
    const auto directive = t.value("http-equiv");
    if (directive && !has_refresh_ && equals_ignoring_case(*directive, "refresh")) {
      const refresh_target target = parse_refresh(*content);
      has_refresh_ = target.valid;
      result_.refresh = target.url;
    }
  }

  page_links result_;
  bool has_base_ = false;
  bool has_refresh_ = false;
};

}  // namespace

page_links extract_links(std::string_view html) {
  collector page;
  html_tokenizer tokenizer(html);
  tag t;
  bool in_title = false, has_title = false;
  bool more = true;
  while (more) {
    more = tokenizer.next(t);
    if (in_title) page.title(tokenizer.text_before());
    in_title = more && !has_title && t.is_start("title") && !tokenizer.in_foreign_content();
    has_title |= in_title;
    if (more && !t.end) page.read(t);
  }
  return page.finish();
}

refresh_target parse_refresh(std::string_view content) {
  const auto drop = [&](std::string_view set) {
    content.remove_prefix(std::min(content.find_first_not_of(set), content.size()));
  };
  const auto starts = [&](char lower) { return !content.empty() && (content[0] | 0x20) == lower; };

  drop(white_space);
  if (content.empty() || std::string_view("0123456789.").find(content[0]) == std::string_view::npos) return {};
  drop("0123456789.");
  if (content.empty()) return {true, {}};
  if (std::string_view(";, \t\n\f\r").find(content[0]) == std::string_view::npos) return {};
  drop(white_space);
  if (content.starts_with(';') || content.starts_with(',')) content.remove_prefix(1);
  drop(white_space);

  // "url=" is optional. What begins like it but is not it is an URL itself.
  const std::string_view whole = content;
  if (starts('u')) {
    for (char c : {'u', 'r', 'l'}) {
      if (!starts(c)) return {true, whole};
      content.remove_prefix(1);
    }
    drop(white_space);
    if (!content.starts_with('=')) return {true, whole};
    content.remove_prefix(1);
    drop(white_space);
  }
  if (content.starts_with('"') || content.starts_with('\'')) {
    const char quote = content[0];
    content.remove_prefix(1);
    content = content.substr(0, content.find(quote));
  }
  return {true, content};
}

std::vector<std::string> resolve_links(const page_links& page, const ringmill::url& page_url) {
  std::optional<ringmill::url> own_base;
  const ringmill::url* base = &page_url;
  if (page.base.size() > max_link_size) {
    base = nullptr;
  } else if (!page.base.empty()) {
    own_base = ringmill::url::parse(page.base, &page_url);
    // As the standard has it, a base of these two schemes counts for nothing.
    if (own_base && own_base->scheme() != "data" && own_base->scheme() != "javascript") base = &*own_base;
    if (base->href().size() > max_link_size) base = nullptr;
  }

  std::vector<std::string> result;
  std::size_t total = 0;
  const auto add = [&](std::string_view reference, const ringmill::url* relative_to) {
    if (reference.size() > max_link_size || total > max_links_size) return;
    const auto target = ringmill::url::parse(reference, relative_to);
    if (!target || (target->scheme() != "http" && target->scheme() != "https")) return;
    const std::string& href = target->href();
    std::string absolute = href.substr(0, href.find('#'));  // a "#" elsewhere is percent-encoded
    if (absolute.size() > max_link_size) return;
    total += absolute.size();
    result.push_back(std::move(absolute));
  };
  for (const std::string& each : page.links) add(each, base);
  if (!page.refresh.empty()) add(page.refresh, base);
  remove_duplicates(result);
  return result;
}

std::vector<std::string> extract_page_links(std::string_view html, std::string_view page_url) {
  const auto url = ringmill::url::parse(page_url);
  if (!url) return {};
  page_links page = extract_links(html);
  if (page.nofollow) page.links.clear();
  return resolve_links(page, *url);
}

}  // namespace web
