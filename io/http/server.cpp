#include <ringmill/io/http/server.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

#include <ringmill/io/http/characters.hpp>
#include <ringmill/io/http/server_connection.hpp>

namespace ringmill::http {

namespace {

/// The path of a request target: without the query, and without the origin of an absolute one.
std::string_view path_of(std::string_view target) noexcept {
  if (!target.starts_with('/')) {
    if (const std::size_t scheme = target.find("://"); scheme != target.npos) {
      const std::size_t path = target.find_first_of("/?", scheme + 3);
      target = path == target.npos ? "/" : target.substr(path);
      if (target.starts_with('?')) target = "/";
    }
  }
  return target.substr(0, target.find('?'));
}

bool is_known_method(std::string_view method) noexcept {
  static constexpr std::string_view known[] = {"GET",    "HEAD",    "POST",    "PUT",  "PATCH",
                                               "DELETE", "OPTIONS", "CONNECT", "TRACE"};
  return std::find(std::begin(known), std::end(known), method) != std::end(known);
}

/// The only expectation that there is (RFC 9110 10.1.1).
bool is_expectation_met(const request& message) noexcept {
  const auto expects = message.fields.find("expect");
  return !expects || detail::equal_ignoring_case(*expects, "100-continue");
}

response plain(int status) {
  response answer(status, std::to_string(status) + ' ' + std::string(reason_phrase(status)) + '\n');
  answer.fields.add("Content-Type", "text/plain");
  return answer;
}

void print_error(const std::exception_ptr& error, const request& about) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    std::fprintf(stderr, "ringmill: http: the handler of %s %s threw: %s\n", about.method.c_str(), about.target.c_str(),
                 known.what());
  } catch (...) {
    std::fprintf(stderr, "ringmill: http: the handler of %s %s threw\n", about.method.c_str(), about.target.c_str());
  }
}

/// Counts for as long as it lives.
class count_one {
 public:
  explicit count_one(std::size_t& counter) noexcept : counter_(counter) { ++counter_; }
  count_one(const count_one&) = delete;
  count_one& operator=(const count_one&) = delete;
  ~count_one() { --counter_; }

 private:
  std::size_t& counter_;
};

}  // namespace

server::server(server_options options) : options_(std::move(options)) {}

server::entry::entry(std::string with_method, std::string with_path, bool prefix, handler with_answer)
    : method(std::move(with_method)), path(std::move(with_path)), is_prefix(prefix), answer(std::move(with_answer)) {}

bool server::entry::matches(std::string_view wanted) const noexcept {
  return is_prefix ? wanted.starts_with(path) : wanted == path;
}

server& server::route(std::string method, std::string pattern, handler answer) {
  if (!pattern.starts_with('/')) {
    throw std::invalid_argument("http::server::route: a pattern begins with a slash, not: " + pattern);
  }
  const bool is_prefix = pattern.ends_with('*');
  if (is_prefix) pattern.pop_back();
  entry added(std::move(method), std::move(pattern), is_prefix, std::move(answer));
  // In the order in which they are asked: exact ones, then the prefixes from long to short.
  const auto goes_before = [](const entry& left, const entry& right) {
    if (left.is_prefix != right.is_prefix) return !left.is_prefix;
    return left.is_prefix && left.path.size() > right.path.size();
  };
  routes_.insert(std::upper_bound(routes_.begin(), routes_.end(), added, goes_before), std::move(added));
  return *this;
}

const server::entry* server::find(std::string_view method, std::string_view path) const noexcept {
  for (const entry& route : routes_) {
    if (route.method == method && route.matches(path)) return &route;
  }
  return method == "HEAD" ? find("GET", path) : nullptr;
}

/// None where there is no route for it, or it expects what no handler is asked about.
const server::handler* server::find_handler(const request& message) const noexcept {
  if (!is_expectation_met(message)) return nullptr;
  const entry* const route = find(message.method, path_of(message.target));
  return route ? &route->answer : nullptr;
}

/// Why there is no handler: because of the path, or only because of the method.
response server::refuse(const request& message) const {
  if (!is_expectation_met(message)) return response(417);
  const std::string_view path = path_of(message.target);
  std::string allowed;
  for (const entry& route : routes_) {
    if (!route.matches(path)) continue;
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method;
    if (route.method == "GET") allowed += ", HEAD";
  }
  if (!is_known_method(message.method)) return plain(501);
  if (allowed.empty()) return plain(404);
  response answer = plain(405);
  answer.fields.add("Allow", allowed);
  return answer;
}

response server::failed(const std::exception_ptr& error, const std::string& method, const std::string& target) const {
  const request about(method, target);
  bool is_told = false;
  try {
    if (options_.on_error()) {
      options_.on_error()(error, about);
      is_told = true;
    }
  } catch (...) {
    // The line on standard error is written after all.
  }
  if (!is_told) print_error(error, about);
  return plain(500);
}

void server::check(const response& given) {
  if (given.status < 200) {
    throw std::invalid_argument("http: a handler gave the status " + std::to_string(given.status));
  }
  detail::check_status_line(given);
}

task<response> server::answer(request message) const {
  const handler* const chosen = find_handler(message);
  if (!chosen) co_return refuse(message);
  // What the message is moved into is gone when its handler has thrown.
  const std::string method = message.method;
  const std::string target = message.target;
  try {
    task<response> answering = (*chosen)(std::move(message));
    response given = co_await std::move(answering);
    check(given);
    co_return given;
  } catch (...) {
    co_return failed(std::current_exception(), method, target);
  }
}

task<> server::serve_one(server* self, tcp_stream peer, semaphore::permit) {
  const count_one counted(self->connections_);
  detail::server_connection connection(*self, std::move(peer));
  try {
    task<> running = connection.run();
    co_await std::move(running);
  } catch (const std::exception&) {
    // The peer failed, or there was no memory for it. Either way it ends this connection and no other.
  }
}

task<> server::accept_for_ever(tcp_listener& listener, nursery& connections, semaphore& places) {
  for (;;) {
    semaphore::permit place = co_await places.acquire();
    tcp_stream peer = co_await listener.accept();
    connections.start(&server::serve_one, this, std::move(peer), std::move(place));
  }
}

task<> server::serve(tcp_listener& listener) {
  semaphore places(options_.max_connections());
  nursery connections;
  co_await connections.run([&]() -> task<> { return accept_for_ever(listener, connections, places); });
}

}  // namespace ringmill::http
