// The smallest HTTP server: says hello at /hello, and at its end how often.  http_hello [PORT]; with port 0 the kernel
// chooses one.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <ringmill/io/http/server.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;

rm::task<> serve(std::uint16_t port, std::uint64_t& greetings) {
  rm::http::server server;
  server.route("GET", "/hello", [&](const rm::http::request&) -> rm::task<rm::http::response> {
    ++greetings;
    co_return rm::http::response(200, "hello\n");
  });
  auto listener = rm::tcp_listener::bind("127.0.0.1", port);
  std::printf("listening on %s\n", listener.local().to_string().c_str());
  std::fflush(stdout);
  co_await server.serve(listener);
}

int main(int argc, char** argv) {
  std::uint16_t port = 8080;
  if (argc > 1) {
    const char* const end = argv[1] + std::strlen(argv[1]);
    const auto [rest, error] = std::from_chars(argv[1], end, port);
    if (error != std::errc() || rest != end) {
      std::fprintf(stderr, "usage: http_hello [PORT]\n");
      return 2;
    }
  }
  std::uint64_t greetings = 0;
  const int code = rm::run_main(serve(port, greetings));
  std::printf("%llu greetings\n", static_cast<unsigned long long>(greetings));
  return code;
}
