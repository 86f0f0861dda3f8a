// I/O and CPU in one program: an HTTP server with a process pool. Four clients have it compute all the time, and eight
// others ask for what takes no time, at a fixed rate; the slowest hundredth of those answers is the figure. The limit
// is the same server while nobody has it compute.
#include <sched.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <ringmill/io/http/server.hpp>
#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/fresh_process.hpp"
#include "../support/server_process.hpp"
#include "../support/squares.hpp"
#include "measures.hpp"

namespace rm = ringmill;
namespace http = ringmill::http;
using namespace std::chrono_literals;

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

constexpr int askers = 8;
constexpr int computers = 4;
constexpr double seconds = 2;
constexpr rm::duration pause = 2ms;  // of each asker: 4,000 requests a second in all

constexpr double least_computed = 100;  // a second, of some 4,000: fewer mean that the workers had no processor

// The clients, in a process of their own. While they measure they compute nothing, and they run ahead of others where
// they may: clients are elsewhere, as a rule, so what they wait for a processor here is not to be counted as the
// server's.

void run_ahead_of_others() {
  const sched_param least{.sched_priority = 1};
  sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &least);  // without the right to, they wait like everybody
}

/// Sends a request and reads until the answer is complete, which `last` bytes end.
rm::task<> ask(rm::tcp_stream& server, std::string_view path, std::string_view last) {
  const std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  co_await server.write_all(request);
  std::string answer;
  std::array<std::byte, 1024> buffer;
  while (!answer.ends_with(last)) {
    const std::size_t got = co_await server.read_some(buffer);
    if (got == 0) throw std::runtime_error("the server has closed the connection");
    answer.append(reinterpret_cast<const char*>(buffer.data()), got);
  }
}

rm::task<> compute_for_ever(rm::address where, std::string_view sum, std::size_t& computed) {
  rm::tcp_stream server = co_await rm::tcp_stream::connect(where);
  for (;; ++computed) co_await ask(server, "/cpu", sum);
}

/// Comes back when the server serves, and one of its workers has computed.
rm::task<> ask_once(rm::address where, std::string_view sum) {
  rm::tcp_stream server = co_await rm::tcp_stream::connect(where);
  co_await ask(server, "/", "Hello");
  co_await ask(server, "/cpu", sum);
}

/// Late is counted from when the request was due, not from when there was time to send it.
rm::task<> ask_in_time(rm::address where, clock::time_point due, clock::time_point end, std::vector<double>& delays) {
  rm::tcp_stream server = co_await rm::tcp_stream::connect(where);
  for (; due < end; due += pause) {
    co_await rm::sleep_for(std::max(rm::duration::zero(), due - clock::now()));
    co_await ask(server, "/", "Hello");
    delays.push_back(std::chrono::duration<double, std::micro>(clock::now() - due).count());
  }
}

rm::task<double> slowest_hundredth(rm::address where, double length, bool has_computers) {
  const std::string sum = std::to_string(sum_of_squares(million));
  std::vector<double> delays;
  std::size_t computed = 0;
  rm::nursery all;
  co_await all.run([&]() -> rm::task<> {
    rm::nursery asking;
    co_await ask_once(where, sum);
    for (int i = 0; has_computers && i < computers; ++i) {
      all.start(compute_for_ever, where, std::string_view(sum), std::ref(computed));
    }
    co_await rm::sleep_for(50ms);
    computed = 0;
    const clock::time_point start = clock::now();
    const clock::time_point end =
        start + std::chrono::duration_cast<rm::duration>(std::chrono::duration<double>(length));
    co_await asking.run([&]() -> rm::task<> {
      for (int i = 0; i < askers; ++i)
        asking.start(ask_in_time, where, start + i * pause / askers, end, std::ref(delays));
      co_return;
    });
    all.cancel();
  });
  if (has_computers && static_cast<double>(computed) < length * least_computed) co_return disturbed;
  const auto place = delays.begin() + static_cast<std::ptrdiff_t>(delays.size() * 99 / 100);
  std::nth_element(delays.begin(), place, delays.end());
  co_return *place;
}

// The server, in another. It and its workers run where the system puts them.

rm::task<http::response> hello(http::request) { co_return http::response(200, "Hello"); }

rm::task<> serve(rm::tcp_listener listener) {
  rm::process_pool pool(rm::pool_options().workers(2));
  const auto compute = [&pool](http::request) -> rm::task<http::response> {
    const std::uint64_t sum = co_await pool.run<&sum_of_squares>(million);
    co_return http::response(200, std::to_string(sum));
  };
  http::server server;
  server.route("GET", "/", hello);
  server.route("GET", "/cpu", compute);
  co_await server.serve(listener);
}

void serve_forever(int listener) { rm::run_main(serve(rm::tcp_listener(rm::fd(listener)))); }

subject served(bool has_computers) {
  return [=](const effort& how) {
    const server_process server(serve_forever, any_core);
    const double length = static_cast<double>(how.operations(200)) / 200 * seconds;
    const rm::address where = *rm::address::parse("127.0.0.1", server.port());
    return in_fresh_process([&] {
      run_ahead_of_others();
      return rm::run(slowest_hundredth(where, length, has_computers));
    });
  };
}

}  // namespace

measure mixed_p99() { return {"mixed_p99", "us", served(true), served(false), std::nullopt, 7}; }

}  // namespace bench
