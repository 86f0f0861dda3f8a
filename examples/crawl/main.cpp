// crawl: the pages of a web site, fetched on one ring and parsed in worker processes.
//
// Exit codes: 0 all well, 1 some pages could not be had (or the demo's summary is wrong), 2 usage, 3 the output or the
// seed could not be had, 130 interrupted.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <system_error>

#include <ringmill/io/ops.hpp>
#include <ringmill/offload/process_init.hpp>
#include <ringmill/ringmill.hpp>

#include "crawl/crawler.hpp"
#include "crawl/demo_server.hpp"
#include "crawl/options.hpp"
#include "crawl/report.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;

namespace {

enum exit_code { all_well = 0, findings = 1, usage = 2, no_output = 3 };

/// Where the JSON lines go, and the status line.
class output {
 public:
  explicit output(const std::string& path) {
    if (path.empty()) {
      descriptor_ = STDOUT_FILENO;
    } else {
      file_ = rm::fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
      if (!file_) throw std::system_error(errno, std::generic_category(), "open " + path);
      descriptor_ = file_.number();
    }
  }

  /// Writes on the ring; suspends. Goes on when it is cancelled: half a line, or none, would be lost.
  rm::task<> write(std::string text) {
    co_await rm::shield(rm::write_all_op(descriptor_, std::as_bytes(std::span(text))));
  }

  /// What is left when the loop has ended. Throws std::system_error.
  void write_rest(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw std::system_error(errno, std::generic_category(), "write");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void show(const std::string& line) {
    if (on_terminal_) fmt::print(stderr, "\r\x1b[K{}", line);
  }
  void clear() {
    if (on_terminal_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  rm::fd file_;
  int descriptor_ = -1;
  bool on_terminal_ = isatty(STDERR_FILENO) == 1;
};

/// Every 100 ms: what is new goes out.
rm::task<> show_progress(output& out, crawl::report& report, crawl::crawler& crawler) {
  for (;;) {
    co_await rm::sleep_for(100ms);
    co_await out.write(report.take_lines());
    out.show(report.status_line(crawler.queued(), crawler.in_flight()));
  }
}

/// One look at a timer of a millisecond: how late it comes, or has come when the crawl ends before it.
class lag_probe {
 public:
  explicit lag_probe(crawl::report& report) : report_(report) {}
  lag_probe(const lag_probe&) = delete;
  lag_probe& operator=(const lag_probe&) = delete;
  ~lag_probe() { report_.note_lag(rm::loop::current().now() - before_ - 1ms); }

 private:
  crawl::report& report_;
  rm::time_point before_ = rm::loop::current().now();
};

/// How long the loop stood still, its last turn included.
rm::task<> measure_lag(crawl::report& report) {
  for (;;) {
    const lag_probe probe(report);
    co_await rm::sleep_for(1ms);
  }
}

rm::task<> crawl_site(const crawl::options& options, crawl::report& report, output& out) {
  crawl::crawler crawler(options, report);
  rm::nursery side;
  co_await side.run([&]() -> rm::task<> {
    side.start(show_progress, std::ref(out), std::ref(report), std::ref(crawler));
    side.start(measure_lag, std::ref(report));
    co_await crawler.run();
    side.cancel();
  });
}

/// Serves the demo site in this very loop, and crawls it. Gives what the site says a crawl must find.
rm::task<> crawl_demo(crawl::options& options, crawl::report& report, output& out, crawl::demo_site::totals& expected) {
  crawl::demo_server server;
  expected = server.site().expected();
  options.seed = server.site().seed();
  options.crash_on_marker = true;
  for (const std::string_view host : crawl::demo_site::hosts) {
    options.extra_hosts.push_back(fmt::format("{}:{}", host, server.port()));
  }
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start([&]() -> rm::task<> { co_await server.serve(); });
    co_await crawl_site(options, report, out);
    both.cancel();
  });
}

/// Does the crawl's report say what the site knows?
bool matches(const crawl::report& report, const crawl::demo_site::totals& expected, crawl::parse_mode parse) {
  const std::size_t crashing = parse == crawl::parse_mode::workers ? expected.crashing : 0;
  const bool same = report.by_status() == expected.by_status && report.pages() == expected.pages &&
                    report.disallowed() == expected.disallowed && report.crashed_pages() == crashing;
  fmt::print(stderr, "the site expected {} pages, {} left out, {} whose parser crashes: {}\n", expected.pages,
             expected.disallowed, crashing, same ? "it matches" : "IT DOES NOT MATCH");
  return same;
}

void describe(CLI::App& app, crawl::options& options, bool& demo) {
  app.footer(
      "Examples:\n"
      "  crawl --demo                                   an embedded site, no network needed\n"
      "  crawl http://127.0.0.1:8080/ --jsonl pages.jsonl\n"
      "  crawl http://127.0.0.1:8080/docs/index.html --scope prefix --depth 3");
  app.add_option("url", options.seed, "where to begin (http)");
  app.add_flag("--demo", demo, "crawl a site that this program serves to itself");
  app.add_option("--max-pages", options.max_pages, "stop after so many pages")->check(CLI::PositiveNumber);
  app.add_option("--depth", options.max_depth, "follow links so many steps from the start")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--concurrency", options.concurrency, "requests at a time")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--workers", options.workers, "worker processes for parsing")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--parse", options.parse, "where pages are parsed: workers or inline")
      ->transform(CLI::CheckedTransformer(std::map<std::string, crawl::parse_mode>{
          {"workers", crawl::parse_mode::workers}, {"inline", crawl::parse_mode::inline_}}))
      ->option_text("workers|inline");
  app.add_option("--scope", options.scope, "which links to follow: same host, or same folder")
      ->transform(CLI::CheckedTransformer(std::map<std::string, crawl::scope_mode>{
          {"host", crawl::scope_mode::host}, {"prefix", crawl::scope_mode::prefix}}))
      ->option_text("host|prefix");
  app.add_option("--jsonl", options.jsonl, "write JSON lines to this file instead of standard output");
}

/// Each request takes a descriptor, and the soft limit is low for the sake of select(2), which nobody uses here. Throws
/// std::system_error.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::system_error(errno, std::generic_category(), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::system_error(errno, std::generic_category(), "setrlimit");
}

int crawl_and_report(crawl::options& options, bool demo) {
  std::unique_ptr<output> out;
  try {
    raise_descriptor_limit();
    out = std::make_unique<output>(options.jsonl);
  } catch (const std::system_error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return no_output;
  }
  crawl::report report;
  crawl::demo_site::totals expected;
  const int code = demo ? rm::run_main(crawl_demo(options, report, *out, expected))
                        : rm::run_main(crawl_site(options, report, *out));
  out->clear();
  try {
    out->write_rest(report.take_lines());
  } catch (const std::system_error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return no_output;
  }
  fmt::print(stderr, "{}", report.summary());
  if (code > findings) return code;  // interrupted
  if (code != all_well) return no_output;
  if (demo) return matches(report, expected, options.parse) ? all_well : findings;
  if (report.found() == 0) return no_output;
  return report.errors() == 0 ? all_well : findings;
}

}  // namespace

int main(int argc, char** argv) {
  rm::process_init(argc, argv);
  CLI::App app(
      "Crawls a web site: fetches on one io_uring, parses in worker processes, prints a JSON line for each page.");
  crawl::options options;
  bool demo = false;
  describe(app, options, demo);
  try {
    app.parse(argc, argv);
    if (demo == !options.seed.empty()) throw CLI::ValidationError("give a URL, or --demo");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? all_well : usage;
  }
  if (!demo) {
    const auto seed = rm::url::parse(options.seed);
    if (!seed || seed->scheme() != "http") {
      fmt::print(stderr, "crawl: not an http URL: {}\n", options.seed);
      return usage;
    }
  }
  return crawl_and_report(options, demo);
}
