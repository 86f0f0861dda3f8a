#include "http_load/settings.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <ringmill/io/url.hpp>

namespace http_load {

namespace rm = ringmill;

namespace {

[[noreturn]] void misused(const std::string& what) {
  std::fprintf(stderr, "http_load: %s\n", what.c_str());
  std::exit(2);
}

constexpr const char* explanation =
    R"(Loads an HTTP or an echo server over kept-alive connections, from one thread, and says what it did.

By default each connection sends its next request when the last one is answered. With --rate, requests are due at
regular times whether the server keeps up or not, and their latency counts from when they were due.)";

constexpr const char* exit_codes =
    R"(Exit codes: 0 measured without errors; 1 nobody to connect to, or another failure, nothing measured; 2 wrong
arguments; 3 measured, with errors (refused statuses, lost connections, timeouts); 130 ended by Ctrl-C, measured up
to that.)";

/// http://HOST:PORT/PATH, or HOST:PORT
void parse_target(const std::string& text, settings& into) {
  const bool is_url = text.find("://") != text.npos;
  if (is_url && into.echo_bytes) misused("--echo takes HOST:PORT, not a URL: " + text);
  const std::optional<rm::url> where = rm::url::parse(is_url ? text : "http://" + text);
  if (!where || !where->has_host()) misused("neither a URL nor HOST:PORT: " + text);
  if (where->scheme() != "http") misused("only http:// is supported, not " + text);
  const std::uint16_t port = where->effective_port();
  std::string_view host = where->host();
  into.host = std::string(host) + (where->port() ? ':' + std::to_string(port) : "");
  into.target = where->request_target();
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  const std::optional<rm::address> server = rm::address::parse(host == "localhost" ? "127.0.0.1" : host, port);
  if (!server || port == 0) misused("names are not looked up, give an IP address and a port: " + text);
  into.server = *server;
}

}  // namespace

settings parse_settings(int argc, char** argv) {
  settings how;
  std::string target;
  CLI::App arguments(explanation);
  arguments.footer(exit_codes);
  arguments.add_option("target", target, "http://HOST:PORT/PATH or HOST:PORT")->required();
  arguments.add_option("--connections", how.connections, "open at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  CLI::Option* const duration = arguments.add_option("--duration", how.duration, "seconds to measure, after --warmup")
                                    ->capture_default_str()
                                    ->check(CLI::PositiveNumber);
  CLI::Option* const warmup = arguments.add_option("--warmup", how.warmup, "seconds of load that do not count")
                                  ->capture_default_str()
                                  ->check(CLI::NonNegativeNumber);
  arguments.add_option("--requests", how.requests, "end after this many answers, of which all count: no --warmup")
      ->check(CLI::PositiveNumber)
      ->excludes(warmup);
  arguments.add_option("--rate", how.rate, "requests a second, of all connections together: an open loop")
      ->check(CLI::Range(0.001, 1e9));
  arguments.add_option("--pipeline", how.pipeline, "requests to send at once on a connection, before their answers")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  arguments.add_option("--timeout", how.timeout, "seconds without an answer, or until connected: an error")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  arguments.add_option("--echo", how.echo_bytes, "not HTTP: sends this many bytes, and waits until they come back")
      ->check(CLI::Range(1, 1 << 20));
  arguments.add_option("--server-pid", how.server_process,
                       "says the CPU time of this process, all its threads and descendants");
  arguments.add_flag("--json", how.json, "prints one line of JSON");
  try {
    arguments.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(arguments.exit(error) == 0 ? 0 : 2);
  }
  if (how.requests) {
    how.warmup = 0;
    if (duration->count() == 0) how.duration = 1e9;
  }
  parse_target(target, how);
  return how;
}

}  // namespace http_load
