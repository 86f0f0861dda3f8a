// An HTTP/1.1 server: routes, and connections that are served side by side.
//
//   rm::task<http::response> hello(http::request) { co_return http::response(200, "hello\n"); }
//
//   http::server server;
//   server.route("GET", "/hello", hello);
//   auto listener = rm::tcp_listener::bind("127.0.0.1", 8080);
//   co_await server.serve(listener);                       // until it is cancelled
//
// It answers by itself: 400, 413, 414, 431, 501, 505 to what the parser refuses, 404 and 405 (with Allow) where no
// route fits, 408 to the slow, 417 to an Expect that is not 100-continue, 500 when a handler throws. Not here: https,
// streaming of bodies, static files.
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/io/http/message.hpp>
#include <ringmill/io/http/server_options.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/semaphore.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill::http {

namespace detail {
class server_connection;
}

/// Serves any number of connections. Belongs to one loop; must not be destroyed or given routes while it serves.
class RINGMILL_API server {
 public:
  /// Answers one request, whose body is there in full. Content-Length, Transfer-Encoding and Connection of the response
  /// are the server's business, and so is Date unless the handler gives one, which goes out as it is. The body is left
  /// out where there must be none (HEAD, 204, 304). When the handler throws, the client gets a 500 and
  /// `server_options::on_error` the exception. When the server is cancelled, so are its handlers.
  ///
  /// A handler takes the request by value (`http::request`), to change it or to take it apart, or by reference
  /// (`const http::request&` or `http::request&&`): the connection keeps it until the handler has ended. By reference
  /// is cheaper: nothing is moved, and its memory serves for the next request.
  ///
  /// Requests that a client sends without waiting for answers, pipelined, are handled one after the other. Responses
  /// are held back for as long as the handlers behind them end without suspending, 32 of them or 64 KiB at most, and go
  /// out together: a handler that computes for long keeps those before it waiting, too. That the peer of an earlier
  /// response has gone does not stop a handler.
  using handler = std::function<task<response>(request&&)>;

  explicit server(server_options options = server_options());

  /// `pattern` is a path ("/hello"), or with a star at its end a prefix ("/files/*"), compared with the path of the
  /// target as it was sent, percent-encoding and all. An exact pattern goes before prefixes, a longer prefix before a
  /// shorter one. Routes for GET answer HEAD too. Throws std::invalid_argument if the pattern does not begin with a
  /// slash.
  server& route(std::string method, std::string pattern, handler answer);

  /// Accepts connections and serves them until it is cancelled; all of them have ended when it comes back. Out of
  /// descriptors it waits for some, as `tcp_listener::accept` does.
  task<> serve(tcp_listener& listener);

  /// The response to one request, as a handler or the server itself gives it; never throws what a handler throws.
  task<response> answer(request message) const;

  const server_options& options() const noexcept { return options_; }
  /// Being served now.
  std::size_t connections() const noexcept { return connections_; }

 private:
  friend class detail::server_connection;
  class entry {
   public:
    entry(std::string with_method, std::string with_path, bool prefix, handler with_answer);
    bool matches(std::string_view path) const noexcept;
    std::string method;
    std::string path;
    bool is_prefix;
    handler answer;
  };

  static task<> serve_one(server* self, tcp_stream peer, semaphore::permit place);
  task<> accept_for_ever(tcp_listener& listener, nursery& connections, semaphore& places);

  // An answer has three sources: a handler, what is said where there is none, and what is said of one that failed.
  const handler* find_handler(const request& message) const noexcept;
  response refuse(const request& message) const;
  response failed(const std::exception_ptr& error, const std::string& method, const std::string& target) const;
  /// Throws std::invalid_argument, if a handler gave what does not fit into a head or is not the final response.
  static void check(const response& given);

  const entry* find(std::string_view method, std::string_view path) const noexcept;

  server_options options_;
  std::vector<entry> routes_;
  std::size_t connections_ = 0;
};

}  // namespace ringmill::http
