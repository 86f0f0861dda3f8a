#include <ringmill/io/http/client.hpp>

#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <system_error>

#include <ringmill/io/http/detail/connection_pool.hpp>
#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/timeout.hpp>

namespace ringmill::http {

namespace {

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "http.client"; }
  std::string message(int value) const override {
    switch (static_cast<client_error>(value)) {
      case client_error::invalid_url:
        return "not a URL";
      case client_error::unsupported_scheme:
        return "only http:// URLs are supported";
      case client_error::unresolved_host:
        return "no address is known for this name: give one with client_options::resolve";
      case client_error::too_many_redirects:
        return "too many redirects";
      case client_error::invalid_redirect:
        return "a redirect to what is not an http:// URL";
    }
    return "unknown error";
  }
};

[[noreturn]] void fail(client_error error, std::string_view about) {
  throw std::system_error(make_error_code(error), "http client: " + std::string(about));
}

[[noreturn]] void fail_late(client_phase phase, duration limit, const std::string& what) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  throw client_timeout(phase, "http client: " + what + " took longer than " + std::to_string(milliseconds) + " ms");
}

/// Doing it twice is doing it once (RFC 9110 9.2.2).
bool is_idempotent(std::string_view method) noexcept {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" || method == "PUT" ||
         method == "DELETE";
}

bool is_redirect(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// What the next request looks like (RFC 9110 15.4): without its body where the method turns into GET, and without what
/// only the first server was meant to see.
void adapt_to_redirect(request& message, int status, bool same_origin) {
  const bool turns_into_get =
      (status == 303 && message.method != "HEAD") || ((status == 301 || status == 302) && message.method == "POST");
  if (turns_into_get) {
    message.method = "GET";
    message.body.clear();
    for (const char* name : {"content-type", "content-length", "content-encoding", "content-language"}) {
      message.fields.erase(name);
    }
  }
  if (!same_origin) {
    for (const char* name : {"authorization", "proxy-authorization", "cookie"}) message.fields.erase(name);
  }
  message.fields.erase("host");
}

}  // namespace

const std::error_category& client_category() noexcept {
  static const category instance;
  return instance;
}

client::client(client_options options)
    : options_(std::move(options)),
      pool_(
          new detail::connection_pool(options_.connections_per_host(), options_.max_idle(), options_.idle_timeout())) {}
client::~client() = default;

task<response> client::get(std::string where) {
  request message;
  return send(std::move(where), std::move(message));
}

task<response> client::send(std::string where, request message) {
  std::optional<ringmill::url> parsed = ringmill::url::parse(where);
  if (!parsed) fail(client_error::invalid_url, where);
  if (message.fields.contains("transfer-encoding")) {
    throw std::invalid_argument("http client: the framing of a request is the client's: leave out Transfer-Encoding");
  }
  try {
    task<response> whole = follow(std::move(*parsed), std::move(message));
    response answer = co_await with_timeout(options_.total_timeout(), std::move(whole));
    co_return answer;
  } catch (const client_timeout&) {
    throw;
  } catch (const timeout_error&) {
    fail_late(client_phase::total, options_.total_timeout(), where);
  }
}

task<response> client::follow(ringmill::url where, request message) {
  for (std::size_t redirects = 0;; ++redirects) {
    complete(message, where);
    task<response> attempted = attempt(where, message);
    response answer = co_await std::move(attempted);
    answer.url = where.without_fragment().href();
    const auto location = answer.fields.find("location");
    if (options_.max_redirects() == 0 || !is_redirect(answer.status) || !location) co_return answer;
    if (redirects == options_.max_redirects()) fail(client_error::too_many_redirects, answer.url);
    std::optional<ringmill::url> next = ringmill::url::parse(*location, &where);
    if (!next || next->scheme() != "http") fail(client_error::invalid_redirect, *location);
    adapt_to_redirect(message, answer.status, next->origin() == where.origin());
    where = std::move(*next);
  }
}

void client::complete(request& message, const ringmill::url& where) const {
  if (where.scheme() != "http") fail(client_error::unsupported_scheme, where.href());
  message.target = where.request_target();
  message.version_minor = 1;
  fields& list = message.fields;
  if (!list.contains("host")) {
    const auto port = where.port();
    list.add("Host", std::string(where.host()) + (port ? ":" + std::to_string(*port) : ""));
  }
  if (!options_.user_agent().empty() && !list.contains("user-agent")) list.add("User-Agent", options_.user_agent());
  const bool expects_body = message.method == "POST" || message.method == "PUT" || message.method == "PATCH";
  if (expects_body || !message.body.empty()) {
    list.set("Content-Length", std::to_string(message.body.size()));
  } else {
    list.erase("content-length");
  }
}

address client::resolve(const ringmill::url& where) const {
  std::string_view host = where.host();
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::uint16_t port = where.effective_port();
  if (const auto literal = address::parse(host, port)) return *literal;
  const auto known = options_.addresses().find(host);
  if (known == options_.addresses().end()) fail(client_error::unresolved_host, host);
  const auto mapped = address::parse(known->second, port);
  if (!mapped) throw std::invalid_argument("client_options::resolve: not an IP address: " + known->second);
  return *mapped;
}

task<response> client::attempt(const ringmill::url& where, const request& message) {
  const address peer = resolve(where);
  task<detail::connection_pool::lease> waiting =
      pool_->acquire(std::string(where.host()) + ':' + std::to_string(where.effective_port()));
  detail::connection_pool::lease lease = co_await std::move(waiting);
  detail::client_connection* pooled = lease.reuse();
  while (pooled) {
    // What came while it was idle is no response to anything (RFC 9112 9.2): a 408 on the way out, say, or just the
    // end.
    const bool has_input = co_await pooled->stream.has_input();
    if (!has_input) break;
    pooled = lease.reuse();
  }
  if (pooled) {
    ++statistics_.reused;
    try {
      task<response> exchanged = exchange(*pooled, message);
      response answer = co_await std::move(exchanged);
      co_return answer;
    } catch (const std::system_error&) {
      // The server may have closed it while it was idle. Then not a byte has come back, and asking again is harmless.
      if (pooled->parser.started() || !is_idempotent(message.method)) throw;
    }
    ++statistics_.retries;
  }
  task<tcp_stream> connecting = connect(peer);
  tcp_stream stream = co_await std::move(connecting);
  ++statistics_.connections;
  auto made = std::make_unique<detail::client_connection>(std::move(stream), options_.limits());
  task<response> exchanged = exchange(lease.adopt(std::move(made)), message);
  response answer = co_await std::move(exchanged);
  co_return answer;
}

task<tcp_stream> client::connect(address peer) {
  try {
    auto connecting = tcp_stream::connect(peer);
    tcp_stream stream = co_await with_timeout(options_.connect_timeout(), std::move(connecting));
    co_return stream;
  } catch (const timeout_error&) {
    fail_late(client_phase::connect, options_.connect_timeout(), "the connection to " + peer.to_string());
  }
}

task<response> client::exchange(detail::client_connection& with, const request& message) {
  ++statistics_.requests;
  with.parser.reset(message.method);
  std::string wire;
  append_head(wire, message);
  // A small body goes out with the head; copying a large one would cost more than the second system call.
  constexpr std::size_t small_body = 16 * 1024;
  const bool in_one = message.body.size() <= small_body;
  if (in_one) wire += message.body;
  std::exception_ptr send_error;
  try {
    co_await with.stream.write_all(wire);
    if (!in_one) co_await with.stream.write_all(message.body);
  } catch (const std::system_error&) {
    // A server that refuses the body may have answered before it closed.
    send_error = std::current_exception();
  }
  try {
    task<response> received = receive(with, message);
    response answer = co_await std::move(received);
    // More bytes than the response has: whose they are is anyone's guess, so nothing else is read from there.
    with.is_reusable = with.parser.keep_alive() && with.begin == with.end && !send_error;
    co_return answer;
  } catch (const std::system_error&) {
    if (send_error) std::rethrow_exception(send_error);
    throw;
  }
}

task<response> client::receive(detail::client_connection& from, const request& message) {
  response_parser& parser = from.parser;
  std::string body;
  const time_point head_deadline = saturating_add(loop::current().now(), options_.head_timeout());
  while (!parser.message_complete() && !parser.error()) {
    if (from.begin == from.end) {
      const auto room = std::as_writable_bytes(std::span(from.buffer));
      from.begin = from.end = 0;
      if (parser.head_complete()) {
        from.end = co_await from.stream.read_some(room);
      } else {
        try {
          const duration left = head_deadline - loop::current().now();
          from.end = co_await with_timeout(left, from.stream.read_some(room));
        } catch (const timeout_error&) {
          fail_late(client_phase::head, options_.head_timeout(),
                    "the head of the response to " + message.method + ' ' + message.target);
        }
      }
      if (from.end == 0) {
        parser.finish();
        continue;
      }
    }
    const std::string_view input(from.buffer.data() + from.begin, from.end - from.begin);
    const parse_result step = parser.parse(input);
    from.begin += step.consumed;
    body.append(step.body);
  }
  if (parser.error()) {
    throw std::system_error(parser.error(), "http client: the response to " + message.method + ' ' + message.target);
  }
  response answer = std::move(parser.message());
  answer.body = std::move(body);
  co_return answer;
}

}  // namespace ringmill::http
