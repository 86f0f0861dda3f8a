#include "crawl/demo_site.hpp"

#include <utility>

namespace crawl {
namespace {

using std::to_string;
using text = std::string_view;

constexpr std::array<text, 6> topics = {"rings", "mills", "workers", "timers", "streams", "sandboxes"};
constexpr std::size_t articles_per_topic = 6;
constexpr std::size_t news_items = 12;
constexpr std::size_t books = 14;
constexpr text news_host = demo_site::hosts[1];
constexpr text library_host = demo_site::hosts[2];

// A single grey pixel.
constexpr std::array<unsigned char, 67> image = {
    0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0x00, 0x00, 0x00, 0x0D, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3A, 0x7E, 0x9B, 0x55, 0x00,
    0x00, 0x00, 0x0A, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9C, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81,
    0x77, 0xCD, 0x72, 0xB6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82};

std::string link(text href, text label) {
  return "<a href=\"" + std::string(href) + "\">" + std::string(label) + "</a>\n";
}

// Some sentences, different for each number, so that no two pages are equal.
std::string prose(std::size_t number) {
  constexpr std::array<text, 7> subjects = {"The miller",   "A patient wheel", "The second stone", "An apprentice",
                                            "Every kernel", "The water",       "A sack of rye"};
  constexpr std::array<text, 5> verbs = {"turns", "waits for", "remembers", "passes by", "outlasts"};
  constexpr std::array<text, 6> objects = {"the ring",        "an early frost", "its own weight",
                                           "the night shift", "the river",      "a door left open"};
  std::string result;
  for (std::size_t i = 0; i < 12; ++i) {
    const std::size_t mixed = number * 31 + i * 7 + number * i;
    if (i % 4 == 0) result += "<p>";
    result += std::string(subjects[mixed % subjects.size()]) + " " + std::string(verbs[mixed / 3 % verbs.size()]) +
              " " + std::string(objects[mixed / 5 % objects.size()]) + ", and that is rule " + to_string(mixed) + ".\n";
  }
  return result;
}

std::string document(text title, text head, text body) {
  return "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<title>" + std::string(title) + "</title>\n" +
         std::string(head) + "</head>\n<body>\n<h1>" + std::string(title) + "</h1>\n" + std::string(body) +
         "</body>\n</html>\n";
}

}  // namespace

// Adds pages, and counts what a crawl has to find of them: all but robots.txt and what that disallows.
class demo_site::builder {
 public:
  explicit builder(std::uint16_t port) : port_(port == 80 ? "" : ":" + to_string(port)) {
    site_.seed_ = origin(hosts[0]) + "/";
  }

  demo_site build() {
    add_handbook();
    add_oddities();
    add_news();
    add_library();
    return std::move(site_);
  }

 private:
  std::string origin(text host) const { return "http://" + std::string(host) + port_; }

  void put(text host, text path, page content) {
    site_.pages_.insert_or_assign(std::string(host) + std::string(path), std::move(content));
  }

  void count(int status) {
    ++site_.expected_.by_status[status];
    ++site_.expected_.pages;
  }

  // Anything that a crawl requests.
  void add(text host, text path, page content) {
    count(content.status);
    if (content.status == 200 && content.content_type.starts_with("text/html")) ++site_.expected_.html_pages;
    put(host, path, std::move(content));
  }

  void add_html(text host, text path, std::string body) { add(host, path, {.body = std::move(body)}); }

  void add_redirect(text host, text path, int status, std::string location) {
    add(host, path, {.status = status, .body = document("Moved", "", ""), .location = std::move(location)});
  }

  void add_robots(text host, std::string rules) {
    put(host, "/robots.txt", {.content_type = "text/plain", .body = std::move(rules)});
  }

  // 127.0.0.1: an index, sections, articles; each section knows its neighbours, each article the next.
  void add_handbook() {
    const text host = hosts[0];
    add_robots(host, "# Everything may be read.\nUser-agent: *\nDisallow:\n");
    std::string index = prose(1);
    for (std::size_t i = 0; i < topics.size(); ++i) {
      const std::string topic(topics[i]);
      index += link(topic + "/", "About " + topic);
      std::string section =
          prose(10 + i) + link("../", "Up") + link("../" + std::string(topics[(i + 1) % topics.size()]) + "/", "Next");
      for (std::size_t k = 1; k <= articles_per_topic; ++k) {
        const std::string name = to_string(k) + ".html";
        section += link(k % 2 ? name : "/" + topic + "/" + name, "Chapter " + to_string(k));
        std::string article = prose(100 * (i + 1) + k) + link(".", "Section") + link("#top", "Top") +
                              link(to_string(k % articles_per_topic + 1) + ".html#start", "Next chapter") +
                              link(origin(library_host) + "/book?id=" + to_string((i + k) % books + 1) + "&amp;lang=en",
                                   "Further reading");
        add_html(host, "/" + topic + "/" + name,
                 document("On " + topic + ", part " + to_string(k), "<link rel=canonical href=\"" + name + "\">\n",
                          article));
      }
      add_html(host, "/" + topic + "/", document("On " + topic, "", section));
    }
    index += link("about.html", "About") + link("odd.html", "Odd pages") + link(origin(news_host) + "/", "News") +
             link("//" + std::string(library_host) + port_ + "/", "Library") +
             link("mailto:miller@example.com", "Write to us");
    add_html(host, "/", document("The mill&rsquo;s handbook", "", index));
    add_html(host, "/about.html", document("About", "", prose(2) + link("/", "Home")));
  }

  // Still 127.0.0.1: what goes wrong on the web.
  void add_oddities() {
    const text host = hosts[0];
    add_redirect(host, "/old-home", 301, "/");
    add_redirect(host, "/moved", 302, "about.html");
    add_redirect(host, "/latest", 307, origin(news_host) + "/items/1.html");
    add_redirect(host, "/loop/a", 302, "/loop/b");
    add_redirect(host, "/loop/b", 302, "/loop/a");
    count(404);  // /missing.html
    add(host, "/broken", {.status = 500, .body = document("Out of order", "", "<p>The stone has cracked.\n")});
    add(host, "/slow.html",
        {.body = document("Slow", "", prose(3) + link("/", "Home")), .delay = std::chrono::milliseconds(800)});
    add_html(host, "/crash.html",
             document("Hostile", "", "<!-- " + std::string(crash_marker) + " -->\n" + prose(4) + link("/", "Home")));
    ++site_.expected_.crashing;
    add(host, "/logo.png", {.content_type = "image/png", .body = std::string(image.begin(), image.end())});

    std::string odd = prose(5);
    for (text path :
         {"old-home", "moved", "latest", "loop/a", "missing.html", "broken", "slow.html", "crash.html", "logo.png"})
      odd += link(path, path);
    // None of these is a link; a crawler that thinks so meets a 404 too many.
    odd +=
        "<!-- <a href=ghost1.html>x</a> -->\n"
        "<script>document.write('<a href=ghost2.html>x</a>');<!-- <script></script> '<a href=ghost3.html>' "
        "--></script>\n"
        "<textarea><a href=ghost4.html></textarea>\n"
        "<p title='<a href=ghost5.html>'>&lt;a href=ghost6.html></p>\n"
        "<a href='javascript&colon;ghost()'>x</a> <a name=ghost7.html>x</a> <a href='http://['>x</a>\n";
    add_html(host, "/odd.html", document("Odd pages", "", odd));
  }

  // 127.0.0.2: items below a base element, and a part that robots.txt keeps to itself.
  void add_news() {
    add_robots(news_host, "User-agent: *\nDisallow: /private/\nAllow: /private/press.html\n");
    std::string index = prose(6);
    for (std::size_t k = 1; k <= news_items; ++k) {
      index += link(to_string(k) + ".html", "Item " + to_string(k));
      const std::string older = k < news_items ? "<link rel=next href=" + to_string(k + 1) + ".html>\n" : "";
      add_html(news_host, "/items/" + to_string(k) + ".html",
               document("News, item " + to_string(k), older, prose(1000 + k) + link("../", "All news")));
    }
    index += link("../private/plans.html", "Plans") + link("../private/", "Staff") +
             link("../private/press.html", "Press") + link(origin(hosts[0]) + "/about.html#news", "The mill") +
             link("9999.html", "An item that was withdrawn");
    add_html(news_host, "/", document("News from the mill", "<base href=\"/items/\">\n", index));
    add_html(news_host, "/private/press.html", document("Press", "", prose(7) + link("/", "News")));
    count(404);  // /items/9999.html
    for (text path : {"/private/", "/private/plans.html"}) {
      put(news_host, path, {.body = document("Private", "", prose(8))});
      ++site_.expected_.disallowed;
    }
  }

  // 127.0.0.3: pages that differ in their query, a refresh, and a page that asks not to be followed.
  void add_library() {
    add_robots(library_host, "User-agent: *\nAllow: /\nSitemap: " + origin(library_host) + "/sitemap.xml\n");
    std::string index = prose(9);
    for (std::size_t k = 1; k <= books; ++k) {
      const std::string query = "?id=" + to_string(k);
      index += link("/book" + query + "&#38;lang=en", "Book " + to_string(k));
      add_html(library_host, "/book" + query + "&lang=en",
               document("Book " + to_string(k), "",
                        prose(2000 + k) + link("/", "All books") + link(query + "&amp;lang=en", "This book")));
    }
    index += link("go", "Where to begin") + link("notes.html", "Notes") + link("caf&eacute;.html", "Caf&eacute;");
    add_html(library_host, "/", document("Library", "", index));
    add_html(library_host, "/go",
             document("One moment", "<meta http-equiv=refresh content=\"0; url='begin.html'\">\n", ""));
    add_html(library_host, "/begin.html", document("Where to begin", "", prose(21) + link("/", "Library")));
    add_html(library_host, "/notes.html",
             document("Notes", "<meta name=robots content=\"noindex, nofollow\">\n", link("ghost8.html", "x")));
    add_html(library_host, "/caf%C3%A9.html", document("Caf&eacute;", "", prose(22) + link("/", "Library")));
  }

  demo_site site_;
  std::string port_;  // with its colon; nothing for the default, as a serialised URL has it
};

demo_site demo_site::make(std::uint16_t port) { return builder(port).build(); }

const demo_site::page* demo_site::find(std::string_view host, std::string_view path) const {
  if (path.empty() || path[0] != '/') return nullptr;
  const auto found = pages_.find(std::string(host) + std::string(path));
  return found == pages_.end() ? nullptr : &found->second;
}

}  // namespace crawl
