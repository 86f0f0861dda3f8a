// I/O and CPU in one server: `/` answers at once, `/cpu` with the sum of the first million squares, which one of two
// worker processes computes. `mixed_ringmill PORT [NICE [TIMES]]`: the workers' nice level, 5 if not said, and how
// often the sum is computed for one answer, so that it takes as long as it takes in other languages.
#include <string>

#include <ringmill/io/http/server.hpp>
#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/squares.hpp"
#include "port.hpp"

namespace rm = ringmill;
namespace http = ringmill::http;

namespace {

rm::task<http::response> hello(http::request) { co_return http::response(200, "Hello, World!"); }

std::uint64_t repeated_sum(int times) {
  std::uint64_t sum = 0;
  for (int i = 0; i < times; ++i) sum = bench::sum_of_squares(bench::million);
  return sum;
}

rm::task<> serve(std::uint16_t port, int niceness, int times) {
  rm::process_pool pool(rm::pool_options().workers(2).niceness(niceness));
  const auto compute = [&](http::request) -> rm::task<http::response> {
    const std::uint64_t sum = co_await pool.run<&repeated_sum>(times);
    co_return http::response(200, std::to_string(sum));
  };
  http::server server;
  server.route("GET", "/", hello);
  server.route("GET", "/cpu", compute);
  auto listener = rm::tcp_listener::bind("127.0.0.1", port);
  co_await server.serve(listener);
}

}  // namespace

int main(int argc, char** argv) {
  rm::process_init(argc, argv);
  const std::uint16_t port = port_of("mixed_ringmill", argc, argv);
  return rm::run_main(serve(port, argc > 2 ? std::atoi(argv[2]) : 5, argc > 3 ? std::atoi(argv[3]) : 1));
}
