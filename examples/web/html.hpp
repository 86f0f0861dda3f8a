// The tags of an HTML page, as a browser would see them.
//
// This is the tokenizer of the HTML standard (13.2.5) as far as it decides which tags and attributes exist: what is
// inside a comment, a script, a title or a quoted value is not a tag, however much it looks like one. Scripting counts
// as off, so <noscript> holds ordinary markup.
//
// Deliberately not here: the tree. Elements are not nested or closed, so depth costs nothing; a tag that tree
// construction would drop (an <a> in a <select>) is reported. Of foreign content only two things are known: between
// <svg> or <math> and its end tag, CDATA sections are text and <script/> or <title/> are complete elements.
//
// Any bytes in an ASCII-compatible encoding are accepted. Time is linear in the input; the only memory is one tag.
//
//     web::html_tokenizer tokenizer(page);
//     web::tag tag;
//     while (tokenizer.next(tag))
//       if (tag.is_start("a"))
//         if (auto href = tag.value("href")) std::puts(href->c_str());
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace web {

// Compares with ASCII letters of `text` taken as lower case; `lower` has no upper-case letters.
[[nodiscard]] bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept;

// One attribute, as two pieces of the page.
struct attribute {
  std::string_view raw_name;   // as written: any case
  std::string_view raw_value;  // as written, without quotes; character references not decoded. Empty if there is none

  [[nodiscard]] std::string value() const;  // decoded
};

// A start or end tag. Its views point into the page and live as long as that.
struct tag {
  // Attributes kept of one tag. More is hostile, and comparing each with each must not become quadratic.
  static constexpr std::size_t max_attributes = 128;

  bool end = false;           // </name>
  bool self_closing = false;  // <name/>, which means nothing for most elements
  std::string_view raw_name;  // as written: any case
  // The first of each name, in order; none on an end tag.
  std::vector<attribute> attributes;

  [[nodiscard]] bool is(std::string_view lower_name) const noexcept {
    return equals_ignoring_case(raw_name, lower_name);
  }
  [[nodiscard]] bool is_start(std::string_view lower_name) const noexcept { return !end && is(lower_name); }

  // The tag's name as the standard gives it: lower case, NUL as U+FFFD.
  [[nodiscard]] std::string name() const;

  // The attribute of that name, or null.
  [[nodiscard]] const attribute* find(std::string_view lower_name) const noexcept;

  // Its decoded value: empty for an attribute without one, nullopt if the tag has no such attribute.
  [[nodiscard]] std::optional<std::string> value(std::string_view lower_name) const;
};

class html_tokenizer {
 public:
  // `html` must outlive the tokenizer and the tags that it gives.
  explicit html_tokenizer(std::string_view html) noexcept : html_(html) {}

  // Reads up to the end of the next tag. False at the end of the page; a tag that the page breaks off in is none.
  // `out` is overwritten; passing the same one each time saves its allocation.
  bool next(tag& out);

  // The page between the last tag and the one before it, as written. Behind </title> this is the title, which
  // `decode_references` turns into text; between other tags it may hold comments. After next() gave false: the rest.
  [[nodiscard]] std::string_view text_before() const noexcept { return text_; }

  // Whether the last tag stood between <svg> or <math> and its end.
  [[nodiscard]] bool in_foreign_content() const noexcept { return !foreign_.empty(); }

 private:
  // What follows the last start tag: markup, or text up to that element's own end tag.
  enum class content { markup, raw_text, script, plain_text };

  bool read_tag(std::size_t name, tag& out);
  void read_attribute(std::size_t& at, tag& out) const;
  void enter_element(const tag& start);
  std::size_t skip_declaration(std::size_t at) const;
  std::size_t skip_comment(std::size_t at) const;
  std::size_t find_raw_text_end() const;
  std::size_t find_script_end() const;

  [[nodiscard]] char at(std::size_t index) const noexcept { return index < html_.size() ? html_[index] : '\0'; }
  [[nodiscard]] std::size_t find(char c, std::size_t from) const noexcept;
  [[nodiscard]] std::size_t behind(char c, std::size_t from) const noexcept;
  [[nodiscard]] bool is_word(std::size_t at, std::string_view lower) const noexcept;

  std::string_view html_;
  std::size_t position_ = 0;
  content content_ = content::markup;
  std::string_view element_;  // whose text is being read, while content_ is not markup; as written
  std::string_view foreign_;  // "svg" or "math" while inside
  std::string_view text_;
};

}  // namespace web
