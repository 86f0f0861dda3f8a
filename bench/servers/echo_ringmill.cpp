// The echo server of the README, on a port that is given: `echo_ringmill PORT`.
#include <array>

#include <ringmill/ringmill.hpp>

#include "port.hpp"

namespace rm = ringmill;

namespace {

rm::task<> echo(rm::tcp_stream peer) {
  std::array<std::byte, 4096> buffer;
  while (const std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
}

rm::task<> serve(std::uint16_t port) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", port);
  rm::nursery clients;
  co_await clients.run([&]() -> rm::task<> {
    for (;;) clients.start(echo, co_await listener.accept());
  });
}

}  // namespace

int main(int argc, char** argv) { return rm::run_main(serve(port_of("echo_ringmill", argc, argv))); }
