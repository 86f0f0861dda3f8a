// A request to a server, from the receive to the send, without what the kernel does for it.
#include <array>
#include <memory>
#include <string>

#include <ringmill/io/http/server.hpp>
#include <ringmill/ringmill.hpp>

#include "instant_kernel.hpp"
#include "scenario.hpp"

namespace rm = ringmill;

namespace bench {
namespace {

constexpr std::size_t connections = 64;

/// The server of the README.
rm::task<> echo(rm::tcp_stream peer) {
  std::array<std::byte, 4096> buffer;
  while (std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
}

rm::task<> serve_echo() {
  auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
  rm::nursery clients;
  co_await clients.run([&]() -> rm::task<> {
    for (std::size_t i = 0; i < connections; ++i) clients.start(echo, co_await listener.accept());
  });
}

void echo_request(std::size_t count) {
  static constexpr std::string_view message = "sixty-four bytes, as those of bench/io: as much as a small query";
  static_assert(message.size() == 64);
  rm::run_on(std::make_unique<instant_kernel>(connections, message, count), serve_echo());
}

rm::task<> serve_http(std::size_t requests) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
  rm::event all_answered;
  rm::http::server server;
  server.route("GET", "/hello", [&](const rm::http::request&) -> rm::task<rm::http::response> {
    if (--requests == 0) all_answered.set();
    co_return rm::http::response(200, "hello\n");
  });
  rm::cancel_scope serving;
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start([&]() -> rm::task<> { co_await serving.run(server.serve(listener)); });
    co_await all_answered.wait();
    serving.cancel();
  });
}

constexpr std::string_view request = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

void http_request(std::size_t count) {
  rm::run_on(std::make_unique<instant_kernel>(connections, request, count), serve_http(count));
}

/// Sixteen of them come at once.
void http_pipelined(std::size_t count) {
  constexpr std::size_t depth = 16;
  std::string all;
  for (std::size_t i = 0; i < depth; ++i) all += request;
  const std::size_t times = count / depth;
  rm::run_on(std::make_unique<instant_kernel>(connections, all, times), serve_http(times * depth));
}

}  // namespace

std::vector<scenario> server_scenarios() {
  return {{"echo_request", echo_request}, {"http_request", http_request}, {"http_pipelined", http_pipelined}};
}

}  // namespace bench
