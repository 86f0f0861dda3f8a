// A TCP echo server: whatever a client sends comes back.  echo_server [PORT]; with port 0 the kernel chooses one.
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;

rm::task<> echo(rm::tcp_stream peer) {
  std::array<std::byte, 4096> buffer;
  while (std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
}

// A client that resets its connection is its own problem, not the server's.
rm::task<> serve_one(rm::tcp_stream peer) {
  try {
    co_await echo(std::move(peer));
  } catch (const std::system_error&) {
  }
}

rm::task<> serve(std::uint16_t port) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", port);
  std::printf("listening on %s\n", listener.local().to_string().c_str());
  std::fflush(stdout);
  rm::nursery clients;
  co_await clients.run([&]() -> rm::task<> {
    for (;;) clients.start(serve_one, co_await listener.accept());
  });
}

int main(int argc, char** argv) {
  std::uint16_t port = 7000;
  if (argc > 1) {
    const char* const end = argv[1] + std::strlen(argv[1]);
    const auto [rest, error] = std::from_chars(argv[1], end, port);
    if (error != std::errc() || rest != end) {
      std::fprintf(stderr, "usage: echo_server [PORT]\n");
      return 2;
    }
  }
  return rm::run_main(serve(port));
}
