// Echo with standalone Asio's coroutines: `echo_asio PORT`.
#include <asio.hpp>
#include <cstdlib>

using asio::awaitable;
using asio::ip::tcp;

awaitable<void> echo(tcp::socket socket) {
  try {
    char data[4096];
    for (;;) {
      const std::size_t size = co_await socket.async_read_some(asio::buffer(data), asio::use_awaitable);
      co_await asio::async_write(socket, asio::buffer(data, size), asio::use_awaitable);
    }
  } catch (const std::system_error&) {
    // The client has left.
  }
}

awaitable<void> serve(tcp::acceptor acceptor) {
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(executor, echo(std::move(socket)), asio::detached);
  }
}

int main(int, char** argv) {
  asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);  // one thread: without locks
  const tcp::endpoint where(asio::ip::address_v4::loopback(), static_cast<unsigned short>(std::atoi(argv[1])));
  asio::co_spawn(context, serve(tcp::acceptor(context, where)), asio::detached);
  context.run();
}
