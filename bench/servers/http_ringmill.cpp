// Hello over HTTP, with ringmill's own server: its parser, its routes and its limits. `http_ringmill PORT`.
#include <ringmill/io/http/server.hpp>
#include <ringmill/ringmill.hpp>

#include "port.hpp"

namespace rm = ringmill;
namespace http = ringmill::http;

namespace {

rm::task<http::response> hello(const http::request&) {
  http::response answer(200, "Hello, World!");
  answer.fields.add("Content-Type", "text/plain");
  co_return answer;
}

rm::task<> serve(std::uint16_t port) {
  http::server server;
  server.route("GET", "/", hello);
  auto listener = rm::tcp_listener::bind("127.0.0.1", port);
  co_await server.serve(listener);
}

}  // namespace

int main(int argc, char** argv) { return rm::run_main(serve(port_of("http_ringmill", argc, argv))); }
