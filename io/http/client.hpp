// An HTTP/1.1 client with kept-alive connections.
//
//   http::client client(http::client_options().max_redirects(5));
//   http::response page = co_await client.get("http://127.0.0.1:8080/index.html");
//
// Not here: https, DNS (names are resolved by client_options::resolve), proxies, cookies, content codings, streaming.
#pragma once

#include <cstdint>
#include <string>

#include <ringmill/io/address.hpp>
#include <ringmill/io/http/client_error.hpp>
#include <ringmill/io/http/client_options.hpp>
#include <ringmill/io/http/message.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/io/url.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/owned_ptr.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill::http {

namespace detail {
class client_connection;
class connection_pool;
}  // namespace detail

/// What a client has done; always counted.
class client_statistics {
 public:
  std::uint64_t requests = 0;     ///< sent, redirects and repetitions included
  std::uint64_t connections = 0;  ///< opened
  std::uint64_t reused = 0;       ///< requests on a connection that had carried one before
  std::uint64_t retries = 0;      ///< requests repeated because such a connection had been closed meanwhile
};

/// Any number of requests at a time. Belongs to one loop; must outlive its requests. Cancelling a request closes the
/// connection it was on.
///
/// Errors: std::system_error for what the network does, with a `parse_error` for what the server says (a truncated or
/// too large body included) and a `client_error` for what cannot even be asked; client_timeout; std::invalid_argument
/// for a request that no message can carry. A status of 400 and up is a response like any other.
class RINGMILL_API client {
 public:
  explicit client(client_options options = client_options());
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client();

  /// The response to a GET, with its whole body. User name, password and fragment of the URL are not sent.
  task<response> get(std::string where);
  /// Sends `message` to the server of `where`. The URL decides the target; Host, Content-Length and User-Agent are set
  /// (the first and the last only if they are missing). `response::url` says who answered.
  task<response> send(std::string where, request message);

  const client_options& options() const noexcept { return options_; }
  const client_statistics& statistics() const noexcept { return statistics_; }

 private:
  task<response> follow(ringmill::url where, request message);
  task<response> attempt(const ringmill::url& where, const request& message);
  task<tcp_stream> connect(address peer);
  task<response> exchange(detail::client_connection& with, const request& message);
  task<response> receive(detail::client_connection& from, const request& message);
  address resolve(const ringmill::url& where) const;
  void complete(request& message, const ringmill::url& where) const;

  client_options options_;
  ringmill::detail::owned_ptr<detail::connection_pool> pool_;
  client_statistics statistics_;
};

}  // namespace ringmill::http
