// Connections: what an idle one keeps in memory, and what it takes to accept and end one.
#include <sys/resource.h>

#include <ringmill/ringmill.hpp>

#include "../limits/acceptor.hpp"
#include "../support/fresh_process.hpp"
#include "../support/load.hpp"
#include "../support/server_process.hpp"
#include "measures.hpp"

namespace rm = ringmill;

namespace bench {
namespace {

rm::task<> echo_leased(rm::tcp_stream peer) {
  for (;;) {
    const rm::lease got = co_await peer.read_lease();
    if (got.empty()) co_return;
    co_await peer.write_all(got.bytes());
  }
}

/// Before it counts: code is in memory, and so is what all connections share.
constexpr std::size_t warm = 300;

/// Both ends are in this process; what the clients' descriptors take is in the kernel.
rm::task<double> bytes_of_idle(std::size_t count) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
  const rm::address where = listener.local();
  std::vector<rm::tcp_stream> clients(warm + count);  // not a server's memory
  double before = 0, each = 0;
  rm::nursery servers;
  co_await servers.run([&]() -> rm::task<> {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (i == warm) before = resident_bytes();
      auto [client, server] = co_await rm::when_all(rm::tcp_stream::connect(where), listener.accept());
      clients[i] = std::move(client);
      servers.start(echo_leased, std::move(server));
    }
    co_await rm::yield();
    each = (resident_bytes() - before) / static_cast<double>(count);
    servers.cancel();
  });
  co_return each;
}

double idle_connection_bytes(const effort& how) {
  return in_fresh_process([&] {
    rlimit most{};
    getrlimit(RLIMIT_NOFILE, &most);
    most.rlim_cur = most.rlim_max;
    setrlimit(RLIMIT_NOFILE, &most);
    if (most.rlim_cur < 2 * warm + 300)
      throw std::runtime_error("too few descriptors for idle connections (ulimit -Hn)");
    const std::size_t possible = (most.rlim_cur - 100) / 2 - warm;
    return rm::run(bytes_of_idle(std::min(possible, how.operations(9'900))));
  });
}

/// What a server written by hand keeps for each connection whose buffers are provided: nothing else is in user space.
struct idle_connection {
  int socket;
  unsigned buffers_to_send;  ///< first of a list
  unsigned last_buffer;
  bool is_sending;
  bool is_closing;
};

double idle_connection_bytes_limit(const effort&) { return sizeof(idle_connection); }

rm::task<> accept_and_end(rm::tcp_listener listener) {
  for (;;) const rm::tcp_stream ended = co_await listener.accept();
}

void accept_with_ringmill(int listener) { rm::run_main(accept_and_end(rm::tcp_listener(rm::fd(listener)))); }
void accept_by_hand(int listener) { limits::acceptor(listener).run(); }

measure accepts(std::string name, std::string unit, double load_figures::*figure, bool is_rate) {
  const auto of = [=](void (*server)(int)) {
    return [=](const effort& tried) {
      const server_process under_test(server);
      const load_figures figures = in_fresh_process([&] {
        pin_to_core(generators_core);
        return drive_accepts(under_test.port(), under_test.process(), seconds_of_load(tried));
      });
      return figures.*figure;
    };
  };
  measure made{std::move(name), std::move(unit), of(accept_with_ringmill), of(accept_by_hand)};
  made.rounds = 8;
  made.is_rate = is_rate;
  return made;
}

}  // namespace

std::vector<measure> connection_measures() {
  return {
      {"idle_connection_bytes", "bytes", idle_connection_bytes, idle_connection_bytes_limit, 350, 3},
      accepts("accept_rate", "1/s", &load_figures::requests, true),
      accepts("accept_cpu", "us", &load_figures::server_cpu, false),
  };
}

}  // namespace bench
