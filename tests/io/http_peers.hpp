// For tests of HTTP's client and server: handlers, and a server for as long as a test needs it.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <ringmill/io/http/server.hpp>
#include <ringmill/ringmill.hpp>

namespace support {

namespace rm = ringmill;
namespace http = ringmill::http;

inline std::string url(std::uint16_t port, std::string_view path = "/") {
  return "http://127.0.0.1:" + std::to_string(port) + std::string(path);
}

/// Serves while `body(port)` runs, then cancels the server.
inline rm::task<> with_server(http::server& server, std::function<rm::task<>(std::uint16_t)> body) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start([&]() -> rm::task<> { return server.serve(listener); });
    rm::task<> running = body(listener.port());
    co_await std::move(running);
    both.cancel();
  });
  CHECK(server.connections() == 0);
}

inline rm::task<std::string> read_to_end(rm::tcp_stream& stream) {
  std::string text;
  std::array<char, 65536> buffer;
  while (const std::size_t n = co_await stream.read_some(std::as_writable_bytes(std::span(buffer)))) {
    text.append(buffer.data(), n);
  }
  co_return text;
}

inline rm::task<http::response> hello(http::request) { co_return http::response(200, "hello"); }

inline rm::task<http::response> echo(http::request message) {
  co_await rm::yield();
  co_return http::response(200, message.method + ' ' + message.target + ' ' + message.body);
}

inline rm::task<http::response> slow(http::request message) {
  co_await rm::sleep_for(std::chrono::hours(1));
  co_return http::response(200, message.target);
}

}  // namespace support
