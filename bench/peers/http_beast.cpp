// Hello over HTTP with Boost.Beast on Boost.Asio's coroutines: `http_beast PORT`. The message is parsed and written by
// Beast; there are no routes.
#include <utility>  // which Boost 1.74 forgets

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <cstdlib>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::ip::tcp;

awaitable<void> serve_one(tcp::socket socket) {
  try {
    beast::flat_buffer buffer;
    for (;;) {
      http::request<http::string_body> request;
      co_await http::async_read(socket, buffer, request, asio::use_awaitable);
      http::response<http::string_body> response(http::status::ok, request.version());
      response.set(http::field::content_type, "text/plain");
      response.keep_alive(request.keep_alive());
      response.body() = "Hello, World!";
      response.prepare_payload();
      co_await http::async_write(socket, response, asio::use_awaitable);
      if (!response.keep_alive()) co_return;
    }
  } catch (const boost::system::system_error&) {
    // The client has left.
  }
}

awaitable<void> serve(tcp::acceptor acceptor) {
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(executor, serve_one(std::move(socket)), asio::detached);
  }
}

int main(int, char** argv) {
  asio::io_context context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE);  // one thread: without locks
  const tcp::endpoint where(asio::ip::address_v4::loopback(), static_cast<unsigned short>(std::atoi(argv[1])));
  asio::co_spawn(context, serve(tcp::acceptor(context, where)), asio::detached);
  context.run();
}
