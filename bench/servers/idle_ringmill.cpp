// An echo server for connections that are mostly idle: they read with a lease, and so hold no buffer while they wait.
// `idle_ringmill PORT`.
#include <ringmill/ringmill.hpp>

#include "port.hpp"

namespace rm = ringmill;

namespace {

rm::task<> echo(rm::tcp_stream peer) {
  for (;;) {
    const rm::lease got = co_await peer.read_lease();
    if (got.empty()) co_return;
    co_await peer.write_all(got.bytes());
  }
}

rm::task<> serve(std::uint16_t port) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", port);
  rm::nursery clients;
  co_await clients.run([&]() -> rm::task<> {
    for (;;) clients.start(echo, co_await listener.accept());
  });
}

}  // namespace

int main(int argc, char** argv) { return rm::run_main(serve(port_of("idle_ringmill", argc, argv))); }
