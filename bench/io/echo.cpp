// Echo: the twelve-line server of the README beside the best that can be written by hand. Wall time for each request,
// and what the server's core spends on it: nine tenths of that is TCP in the kernel, so only the second tells runtimes
// apart.
#include <ringmill/ringmill.hpp>

#include "../limits/echo_server.hpp"
#include "../support/fresh_process.hpp"
#include "../support/load.hpp"
#include "../support/server_process.hpp"
#include "measures.hpp"

namespace rm = ringmill;

namespace bench {
namespace {

constexpr double seconds = 1;

struct setting {
  std::size_t connections;
  std::size_t bytes;
};

rm::task<> echo(rm::tcp_stream peer) {
  std::array<std::byte, 4096> buffer;
  while (const std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
}

rm::task<> serve(rm::tcp_listener listener) {
  rm::nursery clients;
  co_await clients.run([&]() -> rm::task<> {
    for (;;) clients.start(echo, co_await listener.accept());
  });
}

void serve_with_ringmill(int listener) { rm::run_main(serve(rm::tcp_listener(rm::fd(listener)))); }
void serve_by_hand(int listener) { limits::echo_server(listener, 4096).run(); }

load_figures measured(void (*server)(int), setting how, const effort& tried) {
  const server_process under_test(server);
  return in_fresh_process([&] {
    pin_to_core(generators_core);
    return drive_echo(under_test.port(), under_test.process(), how.connections, how.bytes,
                      static_cast<double>(tried.operations(200)) / 200 * seconds);
  });
}

measure compare(std::string name, setting how, double (*figure)(const load_figures&), double least_ratio) {
  const auto of = [=](void (*server)(int)) {
    return [=](const effort& tried) { return figure(measured(server, how, tried)); };
  };
  measure made{std::move(name), "us", of(serve_with_ringmill), of(serve_by_hand)};
  made.least_ratio = least_ratio;
  made.rounds = 8;
  return made;
}

double wall(const load_figures& of) { return 1e6 / of.requests; }
double cpu(const load_figures& of) { return of.server_cpu; }

}  // namespace

std::vector<measure> echo_measures() {
  std::vector<measure> all;
  for (const std::size_t connections : {64, 512}) {
    for (const std::size_t bytes : {64, 4096}) {
      const std::string name = "echo_" + std::to_string(bytes) + "_by_" + std::to_string(connections);
      all.push_back(compare(name, {connections, bytes}, wall, 0.98));
      all.push_back(compare(name + "_cpu", {connections, bytes}, cpu, 1 / 1.03));
    }
  }
  return all;
}

}  // namespace bench
