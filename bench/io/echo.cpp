// Echo: the twelve-line server of the README beside the best that can be written by hand. Requests a second, of which
// only the ratio is told, and what the server's core spends on one: nine tenths of that is TCP in the kernel, so only
// the second tells runtimes apart. Names are BYTESxCONNECTIONS.
#include <ringmill/ringmill.hpp>

#include "../limits/echo_server.hpp"
#include "../support/fresh_process.hpp"
#include "../support/load.hpp"
#include "../support/server_process.hpp"
#include "measures.hpp"

namespace rm = ringmill;

namespace bench {
namespace {

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
    return drive_echo(under_test.port(), under_test.process(), how.connections, how.bytes, seconds_of_load(tried));
  });
}

measure compare(std::string name, setting how, double (*figure)(const load_figures&)) {
  const auto of = [=](void (*server)(int)) {
    return [=](const effort& tried) {
      const load_figures figures = measured(server, how, tried);
      return tried.is_quick() || is_undisturbed(figures) ? figure(figures) : disturbed;
    };
  };
  measure made{std::move(name), "us", of(serve_with_ringmill), of(serve_by_hand)};
  made.rounds = 8;
  return made;
}

measure rate(std::string name, setting how) {
  measure made = compare(std::move(name), how, [](const load_figures& of) { return of.requests; });
  made.unit = "ratio";
  made.is_rate = made.is_relative = true;
  made.least_ratio = 0.98;
  return made;
}

measure cpu(std::string name, setting how) {
  measure made = compare(std::move(name), how, [](const load_figures& of) { return of.server_cpu; });
  made.least_ratio = 1 / 1.03;
  return made;
}

}  // namespace

std::vector<measure> echo_measures() {
  return {
      rate("echo_64x64", {64, 64}),       cpu("echo_cpu_per_request", {64, 64}), rate("echo_64x512", {512, 64}),
      cpu("echo_64x512_cpu", {512, 64}),  rate("echo_4096x64", {64, 4096}),      cpu("echo_4096x64_cpu", {64, 4096}),
      rate("echo_4096x512", {512, 4096}), cpu("echo_4096x512_cpu", {512, 4096}),
  };
}

}  // namespace bench
