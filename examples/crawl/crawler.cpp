#include "crawl/crawler.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "crawl/parse.hpp"

namespace crawl {

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

constexpr const char* product = "ringmill-crawl";

rm::url seed_of(const options& what) {
  std::optional<rm::url> seed = rm::url::parse(what.seed);
  if (!seed || seed->scheme() != "http") throw std::invalid_argument("not an http URL: " + what.seed);
  return seed->without_fragment();
}

rm::http::client_options client_settings() {
  return rm::http::client_options().user_agent(std::string(product) + "/0.1").total_timeout(30s);
}

/// The folder of the seed, as its href begins: a slash in the query is no folder.
std::string folder_of(const rm::url& seed) {
  const std::string_view path = std::string_view(seed.href()).substr(0, seed.href().find('?'));
  return std::string(path.substr(0, path.find_last_of('/') + 1));
}

bool is_html(const rm::http::response& page) {
  const std::string_view type = page.fields.find("Content-Type").value_or("text/html");
  return type.substr(0, 9) == "text/html" || type.substr(0, 21) == "application/xhtml+xml";
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string host_and_port(const rm::url& where) {
  return std::string(where.host()) + ":" + std::to_string(where.effective_port());
}

}  // namespace

crawler::crawler(const options& what, report& results)
    : options_(what),
      report_(results),
      seed_(seed_of(what)),
      prefix_(folder_of(seed_)),
      client_(client_settings().connections_per_host(what.concurrency).max_idle(what.concurrency * 4)),
      places_(what.concurrency) {
  seen_.reserve(1 << 18);  // growing it later would hold the loop for several ms
  if (what.parse == parse_mode::workers) {
    pool_ = std::make_unique<rm::process_pool>(rm::pool_options().workers(what.workers));
  }
}

std::vector<int> crawler::worker_pids() const { return pool_ ? pool_->worker_pids() : std::vector<int>(); }

rm::task<> crawler::run() {
  add(seed_.href(), 0);
  rm::nursery visits;
  co_await visits.run([&]() -> rm::task<> {
    for (;;) {
      while (more_to_start()) {
        rm::semaphore::permit place = co_await places_.acquire();
        if (!more_to_start()) break;
        visit next = std::move(frontier_.front());
        frontier_.pop_front();
        ++started_;
        ++in_flight_;
        visits.start(&crawler::visit_one, this, std::move(next), std::move(place));
      }
      if (in_flight_ == 0) co_return;
      changed_.reset();
      co_await changed_.wait();
    }
  });
}

bool crawler::more_to_start() const { return !frontier_.empty() && started_ < options_.max_pages; }

rm::task<> crawler::visit_one(visit target, rm::semaphore::permit place) {
  page_record record;
  record.url = target.where.href();
  record.depth = target.depth;
  host_rules& rules = co_await rules_of(target.where);
  if (!rules.unknown.empty()) {
    record.error = "robots.txt: " + rules.unknown;
    report_.add(record);
  } else if (rules.robots.allows(target.where.request_target())) {
    co_await wait_for_turn(rules);
    co_await fetch_and_parse(target, record);
    report_.add(record);
  } else {
    report_.note_disallowed();
    --started_;
  }
  --in_flight_;
  place.release();
  changed_.set();
}

/// The page and its links; whatever goes wrong with it becomes its record's error.
rm::task<> crawler::fetch_and_parse(const visit& target, page_record& record) {
  try {
    const rm::http::response page = co_await client_.get(record.url);
    record.status = page.status;
    record.bytes = page.body.size();
    co_await follow(target, page, record);
  } catch (const rm::worker_crashed&) {
    record.error = report::crash_error;
  } catch (const rm::timeout_error&) {
    record.error = "timed out";
  } catch (const std::system_error& error) {
    record.error = error.code().message();
  } catch (const std::exception& error) {
    record.error = error.what();
  }
}

/// Puts what the page leads to on the queue.
rm::task<> crawler::follow(const visit& from, const rm::http::response& page, page_record& record) {
  if (is_redirect(page.status)) {
    if (const auto location = page.fields.find("Location")) {
      if (const auto goal = rm::url::parse(*location, &from.where)) {
        record.links = 1;
        add(goal->without_fragment().href(), from.depth);
      }
    }
    co_return;
  }
  if (page.status != 200 || !is_html(page)) co_return;
  const std::string links = co_await parse(page.body, record.url);
  record.links = static_cast<std::size_t>(std::count(links.begin(), links.end(), '\n'));
  if (from.depth >= options_.max_depth) co_return;
  // A page of a few MB may have a hundred thousand links: the loop is not held for all of them.
  constexpr std::size_t links_per_turn = 500;
  std::size_t taken = 0;
  for (std::size_t begin = 0; begin < links.size();) {
    if (++taken % links_per_turn == 0) co_await rm::yield();
    const std::size_t end = links.find('\n', begin);
    add(std::string_view(links).substr(begin, end - begin), from.depth + 1);
    begin = end + 1;
  }
}

/// In a worker, and once more in another one if that dies: it may have been killed by somebody else.
rm::task<std::string> crawler::parse(const std::string& html, const std::string& url) {
  if (!pool_) {
    std::string links = parse_page(html, url, false);
    co_return links;
  }
  try {
    std::string links = co_await pool_->run<&parse_page>(html, url, options_.crash_on_marker);
    co_return links;
  } catch (const rm::worker_crashed&) {
    report_.note_retry();
  }
  std::string links = co_await pool_->run<&parse_page>(html, url, options_.crash_on_marker);
  co_return links;
}

/// The first to come reads the host's robots.txt, the others wait for it.
rm::task<crawler::host_rules&> crawler::rules_of(const rm::url& where) {
  auto [place, is_new] = hosts_.try_emplace(host_and_port(where));
  if (is_new) place->second = std::make_unique<host_rules>();
  host_rules& rules = *place->second;
  if (is_new) {
    co_await read_robots(where, rules);
    rules.known.set();
  } else {
    co_await rules.known.wait();
  }
  co_return rules;
}

/// RFC 9309, 2.3.1: five redirects are followed; no such file allows all; of a server that fails, or cannot be reached,
/// nothing may be requested.
rm::task<> crawler::read_robots(const rm::url& where, host_rules& rules) {
  rm::http::client client(client_settings().max_redirects(5));
  try {
    const rm::http::response answer = co_await client.get(where.origin() + "/robots.txt");
    if (answer.status == 200) {
      rules.robots = web::robots::parse(answer.body, product);
    } else if (answer.status >= 500) {
      rules.unknown = "status " + std::to_string(answer.status);
    }
  } catch (const rm::timeout_error&) {
    rules.unknown = "timed out";
  } catch (const std::system_error& error) {
    // Redirected too often, or to where this crawler does not go: the same as no file.
    if (error.code().category() != rm::http::client_category()) rules.unknown = error.code().message();
  }
}

/// Spaces the requests to a host as its Crawl-delay asks.
rm::task<> crawler::wait_for_turn(host_rules& rules) {
  const auto delay = rules.robots.crawl_delay();
  if (!delay) co_return;
  const rm::time_point now = rm::loop::current().now();
  const rm::time_point mine = std::max(now, rules.next_request);
  rules.next_request = mine + *delay;
  co_await rm::sleep_for(mine - now);
}

/// `link` is serialised, without a fragment, as the worker gives it; so what was seen is known without parsing it
/// again.
void crawler::add(std::string_view link, std::size_t depth) {
  if (!seen_.emplace(link).second) return;
  std::optional<rm::url> where = rm::url::parse(link);
  if (!where || !in_scope(*where)) return;
  frontier_.push_back(visit{std::move(*where), depth});
  changed_.set();
}

bool crawler::in_scope(const rm::url& where) const {
  if (where.scheme() != "http") return false;
  if (options_.scope == scope_mode::prefix) return where.href().compare(0, prefix_.size(), prefix_) == 0;
  const std::string host = host_and_port(where);
  if (host == host_and_port(seed_)) return true;
  for (const std::string& extra : options_.extra_hosts) {
    if (host == extra) return true;
  }
  return false;
}

}  // namespace crawl
