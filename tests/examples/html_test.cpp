#include "web/html.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "web/entities.hpp"

using namespace std::string_literals;

namespace {

// The tags of a page in one line: <a href='x'/> [text before it is left out] </a>
std::string tags(std::string_view html) {
  std::string result;
  web::html_tokenizer tokenizer(html);
  web::tag tag;
  while (tokenizer.next(tag)) {
    result += tag.end ? "</" : "<";
    result += tag.name();
    for (const web::attribute& each : tag.attributes)
      result += " " + std::string(each.raw_name) + "='" + each.value() + "'";
    result += tag.self_closing ? "/>" : ">";
  }
  return result;
}

std::string in_attribute(std::string_view raw) {
  return web::decode_references(raw, web::reference_context::attribute);
}
std::string in_text(std::string_view raw) { return web::decode_references(raw, web::reference_context::text); }

double seconds_for(std::string_view html, std::size_t& count) {
  const auto start = std::chrono::steady_clock::now();
  web::html_tokenizer tokenizer(html);
  web::tag tag;
  while (tokenizer.next(tag)) ++count;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string result;
  result.reserve(piece.size() * times);
  for (std::size_t i = 0; i < times; ++i) result += piece;
  return result;
}

// A bit of everything that changes the state of the tokenizer.
const std::string nasty =
    "<!DOCTYPE html PUBLIC \"-//>x\"><!--><a><!---><b><!-- <i> --!><html><TITLE>a<b>&amp;</title >"
    "<script>if (a<b) '<!--<script>x</script>'--></script><style><a></style><textarea></text></textarea x>"
    "<a href=\"x&amp;y\" HREF=z b c = 'd' e=f/g/ =h><svg><![CDATA[<a>]]><script/></svg><![CDATA[<q>]]><?php <r> ?>"
    "</ a></><1 <a\0b c\0d='\0&#0;&#x80;&notit;&copy=1'><img/src=/ / ><plaintext><a></plaintext>"s;

}  // namespace

TEST_CASE("start and end tags are found with names in lower case") {
  CHECK(tags("x<P>y</P >z<br/><br / >") == "<p></p><br/><br>");
  CHECK(tags("a < b <3 <<i>") == "<i>");
  CHECK(tags("<a-b:c.d><a\0b>"s) ==
        "<a-b:c.d><a\xEF\xBF\xBD"
        "b>");
  CHECK(tags("</p a=b/>") == "</p>");
}

TEST_CASE("attribute values are read in all three quotings") {
  CHECK(tags("<a b=c d='e\"f' g=\"h'>\">") == "<a b='c' d='e\"f' g='h'>'>");
  CHECK(tags("<a b=c/d/>") == "<a b='c/d/'>");
  CHECK(tags("<a b = c\n\td\r=\f'e'>") == "<a b='c' d='e'>");
  CHECK(tags("<a b c=>") == "<a b='' c=''>");
  CHECK(tags("<a b='c'd=e/f>") == "<a b='c' d='e/f'>");
  CHECK(tags("<a b=\"c\"/>") == "<a b='c'/>");
  CHECK(tags("<a/b/c>") == "<a b='' c=''>");
  CHECK(tags("<a b=c'\"<=`d>") == "<a b='c'\"<=`d'>");
}

TEST_CASE("odd attribute names are names") {
  CHECK(tags("<a =b=c>") == "<a =b='c'>");
  CHECK(tags("<a \"b\"='c' <d>") == "<a \"b\"='c' <d=''>");
}

TEST_CASE("the first of two attributes with one name counts") { CHECK(tags("<a b=1 B=2 c=3 b>") == "<a b='1' c='3'>"); }

TEST_CASE("a tag that the page breaks off in is none") {
  for (auto html : {"<p", "<p ", "<p a", "<p a=", "<p a='", "<p a='b", "<p a='b'", "<p a=b", "<p /", "</p", "<", "</"})
    CHECK(tags(html) == "");
}

TEST_CASE("comments end where the standard ends them") {
  CHECK(tags("<!--><a><!---><b>") == "<a><b>");
  CHECK(tags("<!----><a><!-----><b>") == "<a><b>");
  CHECK(tags("<!-- <a> --><b>") == "<b>");
  CHECK(tags("<!-- <a> --!><b>") == "<b>");
  CHECK(tags("<!----!><b>") == "<b>");
  CHECK(tags("<!-- <!-- <a> --> <b> -->") == "<b>");
  CHECK(tags("<!-- <!--><b>") == "<b>");
  CHECK(tags("<!-- <!-><a>--><b>") == "<b>");
  CHECK(tags("<!-- -- > <a> ->--><b>") == "<b>");
  CHECK(tags("<!-- --!-><a>--><b>") == "<b>");
  CHECK(tags("<!--!><a>--><b>") == "<b>");
  CHECK(tags("<!-- <a>") == "");
}

TEST_CASE("bogus comments end at the first >") {
  CHECK(tags("<?xml <a> ?><b>") == "<b>");
  CHECK(tags("<!x -- <a> --><b>") == "<b>");
  CHECK(tags("<!-x <a><b>") == "<b>");
  CHECK(tags("</ <a><b>") == "<b>");
  CHECK(tags("</><b>") == "<b>");
  CHECK(tags("<!><b>") == "<b>");
}

TEST_CASE("a doctype ends at the first > even inside quotes") {
  CHECK(tags("<!DOCTYPE html><a>") == "<a>");
  CHECK(tags("<!doctype html PUBLIC \"a>b\"<c>") == "<c>");
}

TEST_CASE("CDATA is a comment in HTML and text in foreign content") {
  CHECK(tags("<![CDATA[<a>]]><b>") == "<b>");
  CHECK(tags("<![CDATA[x><a>]]>") == "<a>");
  CHECK(tags("<svg><![CDATA[x><a>]]></svg><b>") == "<svg></svg><b>");
  CHECK(tags("<math><![CDATA[<a>") == "<math>");
}

TEST_CASE("the text of raw elements holds no tags") {
  for (std::string name : {"title", "textarea", "style", "xmp", "iframe", "noembed", "noframes"}) {
    CHECK(tags("<" + name + "><a><!--</" + name + ">--><b>") == "<" + name + "></" + name + "><b>");
    CHECK(tags("<" + name + "></" + name + "x></" + name + "/><b>") == "<" + name + "></" + name + "><b>");
    CHECK(tags("<" + name + "><a>") == "<" + name + ">");
  }
  CHECK(tags("<Title></tITLE\n><b>") == "<title></title><b>");
  CHECK(tags("<noscript><a></noscript>") == "<noscript><a></noscript>");
  CHECK(tags("<plaintext><a></plaintext><b>") == "<plaintext>");
}

TEST_CASE("in foreign content a closed script or style does not swallow the page") {
  CHECK(tags("<svg><style/><a></svg><style/><b></style>") == "<svg><style/><a></svg><style/></style>");
}

TEST_CASE("a script ends at its end tag unless it is double escaped") {
  CHECK(tags("<script>a<b></script><i>") == "<script></script><i>");
  CHECK(tags("<script><!-- <a> </script><i>") == "<script></script><i>");
  CHECK(tags("<script><!-- <script> </script> <a> --></script><i>") == "<script></script><i>");
  CHECK(tags("<script><!-- <script> --> <a></script><i>") == "<script></script><i>");
  CHECK(tags("<script><!-- <scriptx> </script><i>") == "<script></script><i>");
  CHECK(tags("<script><!-- <script></script></script><i>") == "<script></script><i>");
  CHECK(tags("<script><!-- <script> </scriptx> </script> <a>") == "<script>");
  CHECK(tags("<script><!--><script></script><i>") == "<script></script><i>");
  CHECK(tags("<script><!---><script></script><i>") == "<script></script><i>");
  CHECK(tags("<script><!-<script></script><i>") == "<script></script><i>");
  CHECK(tags("<script><!-- --<script > </script> - -> <i>") == "<script>");
}

TEST_CASE("the text before a tag is given as written") {
  web::html_tokenizer tokenizer("x<title>a<b>&amp;c</title>rest<!-- -->");
  web::tag tag;
  REQUIRE(tokenizer.next(tag));
  CHECK(tokenizer.text_before() == "x");
  REQUIRE(tokenizer.next(tag));
  CHECK(tokenizer.text_before() == "a<b>&amp;c");
  CHECK_FALSE(tokenizer.next(tag));
  CHECK(tokenizer.text_before() == "rest<!-- -->");
  CHECK_FALSE(tokenizer.next(tag));
}

TEST_CASE("an attribute's value distinguishes empty from missing") {
  web::html_tokenizer tokenizer("<a HREF=x&amp;y name>");
  web::tag tag;
  REQUIRE(tokenizer.next(tag));
  CHECK(tag.is_start("a"));
  CHECK(tag.value("href") == "x&y");
  CHECK(tag.value("name") == "");
  CHECK(tag.value("id") == std::nullopt);
}

TEST_CASE("numeric references decode as the standard's table says") {
  CHECK(in_attribute("&#65;&#x42;&#X43&#68x") == "ABCDx");
  CHECK(in_attribute("&#x80;&#150;&#x9f;&#x81;") == "\u20AC\u2013\u0178\u0081");
  CHECK(in_attribute("&#0;&#xD800;&#x110000;&#99999999999999999999;") == "\uFFFD\uFFFD\uFFFD\uFFFD");
  CHECK(in_attribute("&#x1F600;&#13;&#x10FFFF;") == "\U0001F600\r\U0010FFFF");
  CHECK(in_attribute("&#;&#x;&#xg&# 1") == "&#;&#x;&#xg&# 1");
}

TEST_CASE("named references in attributes leave URLs alone") {
  CHECK(in_attribute("?a=1&amp;b=2&copy=3&lt;&reg") == "?a=1&b=2&copy=3<\u00AE");
  CHECK(in_attribute("&copy &copyx &notit; &notin; &not;") == "\u00A9 &copyx &notit; \u2209 \u00AC");
  CHECK(in_attribute("&hearts &hearts; &unknown; & && &;") == "&hearts \u2665 &unknown; & && &;");
  CHECK(in_attribute("javascript&colon;x&sol;y&apos;&Tab;&NewLine;") == "javascript:x/y'\t\n");
  CHECK(in_attribute("&AMP&amp;amp;&amp") == "&&amp;&");
  CHECK(in_attribute(repeated("&amp", 3)) == "&&&");
}

TEST_CASE("named references in text decode the longest name that fits") {
  CHECK(in_text("&copyx &notit; &notin; &copy=1 &amp") == "\u00A9x \u00ACit; \u2209 \u00A9=1 &");
}

TEST_CASE("NUL and line ends are normalised in values") {
  CHECK(in_attribute("a\0b\r\nc\rd"s) ==
        "a\uFFFD"
        "b\nc\nd");
}

TEST_CASE("a million nested elements take linear time") {
  const std::string html = repeated("<div><b><p>", 350'000);
  std::size_t count = 0;
  seconds_for(html, count);
  CHECK(count == 1'050'000);
}

TEST_CASE("hostile pages take linear time") {
  // Each would take minutes if it were quadratic.
  std::size_t count = 0;
  for (const std::string& html :
       {"<a " + repeated("b ", 1'000'000) + ">", "<a " + repeated("b=c ", 1'000'000),
        "<a b='" + repeated("x", 4'000'000), repeated("<!--", 1'000'000), repeated("<script><!--", 300'000),
        repeated("</script", 500'000), "<title>" + repeated("</title", 500'000),
        "<script>" + repeated("<!--<script ", 300'000), repeated("<", 4'000'000), repeated("<a ", 1'000'000),
        repeated("<a b='", 600'000), repeated("<svg><![CDATA[", 300'000), "<!--" + repeated("->", 2'000'000),
        repeated("</", 2'000'000), repeated("<?", 2'000'000)})
    seconds_for(html, count);
  std::string many = "<a";
  for (int i = 0; i < 200'000; ++i) many += " a" + std::to_string(i);
  web::html_tokenizer tokenizer(many += ">");
  web::tag tag;
  REQUIRE(tokenizer.next(tag));
  CHECK(tag.attributes.size() == web::tag::max_attributes);
}

TEST_CASE("every prefix and suffix of a nasty page is read to its end") {
  const std::string all = tags(nasty);
  for (std::size_t i = 0; i <= nasty.size(); ++i) {
    // A copy of exact size, so that the address sanitizer sees a read behind its end.
    const std::vector<char> prefix(nasty.begin(), nasty.begin() + static_cast<std::ptrdiff_t>(i));
    // What has been read stays read: cutting a page cannot change the tags before the cut.
    CHECK(all.starts_with(tags({prefix.data(), prefix.size()})));
    tags(std::string_view(nasty).substr(i));
  }
}

TEST_CASE("random mutations are read to their end") {
  std::mt19937 random(20'240'229);
  const std::string_view alphabet("<>/!-='\"& \n\0abSCRIPT[]?;#x", 27);
  std::size_t total = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::vector<char> page(nasty.begin(), nasty.begin() + static_cast<std::ptrdiff_t>(random() % nasty.size()));
    for (unsigned edits = random() % 8; edits > 0 && !page.empty(); --edits) {
      const std::size_t at = random() % page.size();
      if (random() % 2)
        page[at] = alphabet[random() % alphabet.size()];
      else
        page.erase(page.begin() + static_cast<std::ptrdiff_t>(at));
    }
    web::html_tokenizer tokenizer({page.data(), page.size()});
    web::tag tag;
    while (tokenizer.next(tag)) {
      ++total;
      for (const web::attribute& each : tag.attributes) total += each.value().size();
    }
  }
  CHECK(total > 0);
}

TEST_CASE("speed is printed") {
  const std::string html = repeated(
      "<li class=\"toctree-l1\"><a class=\"reference internal\" href=\"../library/functions.html#open\">Built-in "
      "functions</a> and what the interpreter does with them, as a paragraph of text says.</li>\n",
      100'000);
  std::size_t count = 0;
  const double seconds = seconds_for(html, count);
  CHECK(count == 400'000);
  MESSAGE("tokenizer: " << static_cast<double>(html.size()) / 1e6 / seconds << " MB/s");
}
