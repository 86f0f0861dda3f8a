#include "web/html.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "web/entities.hpp"

namespace web {
namespace {

// Which bytes end what, as one table: a lookup per byte is what makes the tokenizer fast between quotes.
enum byte_class : unsigned char {
  space = 1,
  ends_tag_name = 2,
  ends_attribute_name = 4,
  ends_bare_value = 8,
  letter = 16
};

constexpr auto classes = [] {
  std::array<unsigned char, 256> table{};
  for (unsigned char c : {'\t', '\n', '\f', '\r', ' '})
    table[c] = space | ends_tag_name | ends_attribute_name | ends_bare_value;
  table['/'] = ends_tag_name | ends_attribute_name;
  table['>'] = ends_tag_name | ends_attribute_name | ends_bare_value;
  table['='] = ends_attribute_name;
  for (unsigned char c = 'a'; c <= 'z'; ++c) table[c] = table[c - 0x20] = letter;
  return table;
}();

bool is(char c, byte_class kind) noexcept { return classes[static_cast<unsigned char>(c)] & kind; }

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c; }

bool same_name(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

}  // namespace

bool equals_ignoring_case(std::string_view text, std::string_view lower_text) noexcept {
  if (text.size() != lower_text.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (lower(text[i]) != lower_text[i]) return false;
  return true;
}

std::string attribute::value() const { return decode_references(raw_value, reference_context::attribute); }

std::string tag::name() const {
  std::string result;
  for (char c : raw_name) {
    if (c == '\0')
      result += "\xEF\xBF\xBD";
    else
      result += lower(c);
  }
  return result;
}

const attribute* tag::find(std::string_view lower_name) const noexcept {
  for (const attribute& each : attributes)
    if (equals_ignoring_case(each.raw_name, lower_name)) return &each;
  return nullptr;
}

std::optional<std::string> tag::value(std::string_view lower_name) const {
  const attribute* found = find(lower_name);
  if (!found) return std::nullopt;
  return found->value();
}

// Where `c` is, from `from` on; the size of the page if nowhere.
std::size_t html_tokenizer::find(char c, std::size_t from) const noexcept {
  if (from >= html_.size()) return html_.size();
  const void* found = std::memchr(html_.data() + from, c, html_.size() - from);
  return found ? static_cast<std::size_t>(static_cast<const char*>(found) - html_.data()) : html_.size();
}

std::size_t html_tokenizer::behind(char c, std::size_t from) const noexcept {
  return std::min(find(c, from) + 1, html_.size());
}

bool html_tokenizer::next(tag& out) {
  const std::size_t start = position_;
  if (content_ != content::markup) {
    if (content_ == content::plain_text) position_ = html_.size();
    if (content_ == content::raw_text) position_ = find_raw_text_end();
    if (content_ == content::script) position_ = find_script_end();
    content_ = content::markup;  // for what is found is an ordinary end tag, or the end of the page
  }
  for (;;) {
    const std::size_t open = find('<', position_);
    text_ = html_.substr(start, open - start);
    if (open == html_.size()) {
      position_ = open;
      return false;
    }
    const char c = at(open + 1);
    out.end = c == '/';
    const std::size_t name = out.end ? open + 2 : open + 1;
    if (is(at(name), letter)) return read_tag(name, out);
    if (out.end) {
      position_ = behind('>', name);  // "</>" is nothing, "</ >" a bogus comment
    } else if (c == '!') {
      position_ = skip_declaration(open + 2);
    } else if (c == '?') {
      position_ = behind('>', name);
    } else {
      position_ = name;  // the "<" was text; what follows may be another
    }
  }
}

bool html_tokenizer::read_tag(std::size_t name, tag& out) {
  out.self_closing = false;
  out.attributes.clear();
  std::size_t i = name;
  while (i < html_.size() && !is(html_[i], ends_tag_name)) ++i;
  out.raw_name = html_.substr(name, i - name);

  while (i < html_.size()) {
    const char c = html_[i];
    if (c == '>') {
      position_ = i + 1;
      if (out.end) {
        out.attributes.clear();
        out.self_closing = false;
        if (!foreign_.empty() && out.is(foreign_)) foreign_ = {};
      } else {
        enter_element(out);
      }
      return true;
    }
    if (c == '/') {
      out.self_closing = at(i + 1) == '>';
      ++i;
    } else if (is(c, space)) {
      ++i;
    } else {
      read_attribute(i, out);
    }
  }
  position_ = html_.size();
  return false;
}

// `i` is at the first byte of a name and moves behind the value. A "=" in first place belongs to the name.
void html_tokenizer::read_attribute(std::size_t& i, tag& out) const {
  attribute found;
  const std::size_t name = i++;
  while (i < html_.size() && !is(html_[i], ends_attribute_name)) ++i;
  found.raw_name = html_.substr(name, i - name);

  std::size_t equals = i;
  while (is(at(equals), space)) ++equals;
  if (at(equals) == '=') {
    i = equals + 1;
    while (is(at(i), space)) ++i;
    const char quote = at(i);
    std::size_t value = i;
    if (quote == '"' || quote == '\'') {
      i = find(quote, ++value);
      found.raw_value = html_.substr(value, i - value);
      if (i < html_.size()) ++i;
    } else {
      while (i < html_.size() && !is(html_[i], ends_bare_value)) ++i;
      found.raw_value = html_.substr(value, i - value);
    }
  } else {
    i = equals;
  }
  if (out.attributes.size() == tag::max_attributes) return;
  for (const attribute& each : out.attributes)
    if (same_name(each.raw_name, found.raw_name)) return;
  out.attributes.push_back(found);
}

// Tree construction switches the tokenizer after these start tags. By length first: this runs for every start tag.
void html_tokenizer::enter_element(const tag& start) {
  if (!foreign_.empty() && start.self_closing) return;
  element_ = start.raw_name;
  switch (start.raw_name.size()) {
    case 3:
      if (start.is("xmp")) content_ = content::raw_text;
      if (start.is("svg") && !start.self_closing && foreign_.empty()) foreign_ = "svg";
      break;
    case 4:
      if (start.is("math") && !start.self_closing && foreign_.empty()) foreign_ = "math";
      break;
    case 5:
      if (start.is("title") || start.is("style")) content_ = content::raw_text;
      break;
    case 6:
      if (start.is("script")) content_ = content::script;
      if (start.is("iframe")) content_ = content::raw_text;
      break;
    case 7:
      if (start.is("noembed")) content_ = content::raw_text;
      break;
    case 8:
      if (start.is("textarea") || start.is("noframes")) content_ = content::raw_text;
      break;
    case 9:
      if (start.is("plaintext")) content_ = content::plain_text;
      break;
  }
}

// `i` is behind "<!". A doctype ends at the first ">" too, even between quotes.
std::size_t html_tokenizer::skip_declaration(std::size_t i) const {
  const std::string_view rest = html_.substr(i);
  if (rest.starts_with("--")) return skip_comment(i + 2);
  if (!foreign_.empty() && rest.starts_with("[CDATA[")) {
    const std::size_t end = html_.find("]]>", i + 7);
    return end == std::string_view::npos ? html_.size() : end + 3;
  }
  return behind('>', i);
}

// `i` is behind "<!--". "<!-->" and "<!--->" are whole comments; later "-->" and "--!>" end one, and "<!--" means
// nothing by itself, though its dashes count ("<!-- <!-->" is complete).
std::size_t html_tokenizer::skip_comment(std::size_t i) const {
  if (at(i) == '>') return i + 1;
  if (at(i) == '-' && at(i + 1) == '>') return i + 2;
  for (std::size_t end = find('>', i); end < html_.size(); end = find('>', end + 1)) {
    const std::string_view inside = html_.substr(i, end - i);
    if (inside.ends_with("--") || inside.ends_with("--!")) return end + 1;
  }
  return html_.size();
}

// Whether that word stands there and is complete, as the name of a tag is.
bool html_tokenizer::is_word(std::size_t i, std::string_view word) const noexcept {
  return i + word.size() < html_.size() && same_name(html_.substr(i, word.size()), word) &&
         is(html_[i + word.size()], ends_tag_name);
}

// Where the end tag of the element begins; the end of the page if it has none.
std::size_t html_tokenizer::find_raw_text_end() const {
  std::size_t open = find('<', position_);
  while (open < html_.size() && !(at(open + 1) == '/' && is_word(open + 2, element_))) open = find('<', open + 1);
  return open;
}

// As above, for a script: behind "<!--" a "<script" opens a level (double escaped) in which "</script" only closes that
// level, until "-->". What the standard spreads over 17 states.
std::size_t html_tokenizer::find_script_end() const {
  enum { plain, escaped, double_escaped } state = plain;
  int dashes = 0;  // that end right before i
  std::size_t i = position_;
  while (i < html_.size()) {
    if (state == plain) {
      i = find('<', i);
      if (at(i + 1) == '/' && is_word(i + 2, element_)) return i;
      if (html_.substr(i).starts_with("<!--")) {
        state = escaped;
        dashes = 2;
        i += 4;
      } else if (i < html_.size()) {
        ++i;
      }
      continue;
    }
    const char c = html_[i++];
    if (c == '>' && dashes >= 2) state = plain;
    dashes = c == '-' ? dashes + 1 : 0;
    if (c != '<') continue;
    const bool closes = at(i) == '/';
    const bool is_script = is_word(closes ? i + 1 : i, element_);
    if (!is_script) continue;
    if (state == escaped && closes) return i - 1;
    if (closes == (state == double_escaped)) state = closes ? escaped : double_escaped;
  }
  return html_.size();
}

}  // namespace web
