// A TCP echo server: whatever a client sends comes back.  echo_server [PORT]
#include <array>
#include <cstdio>
#include <cstdlib>
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
  const int port = argc > 1 ? std::atoi(argv[1]) : 7000;
  return rm::run_main(serve(static_cast<std::uint16_t>(port)));
}
