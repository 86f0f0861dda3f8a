// No descriptor left, and rings that are far too small.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "../support/sockets.hpp"
#include "fault.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using fault::figure;

namespace {

/// What the process found that accepts with too few descriptors.
struct shortage_report {
  int accepted = 0;                 ///< until there were none left
  double processor_share = 0;       ///< while there were none
  double milliseconds_own = 0;      ///< from a close by ringmill to the next accept
  double milliseconds_foreign = 0;  ///< from a close that ringmill knows nothing of
};

rm::task<> accept_with_few_descriptors(rm::fd& listener, rm::duration starving, shortage_report& report) {
  std::deque<rm::fd> held;
  rm::fd foreign(support::checked(::dup(0), "dup"));
  const auto accept_all = [&]() -> rm::task<> {
    for (;;) held.push_back(co_await rm::accept_op(listener));
  };
  const auto milliseconds_until_next = [&]() -> rm::task<double> {
    const std::size_t size = held.size();
    const fault::stopwatch watch;
    while (held.size() == size && watch.seconds() < 2) co_await rm::sleep_for(100us);
    co_return watch.seconds() * 1000;
  };
  rm::nursery group;
  co_await group.run([&]() -> rm::task<> {
    group.start(accept_all);
    co_await rm::sleep_for(200ms);
    report.accepted = static_cast<int>(held.size());
    const fault::stopwatch watch;
    const auto used_before = fault::processor_time();
    co_await rm::sleep_for(starving);
    const auto used = std::chrono::duration<double>(fault::processor_time() - used_before).count();
    report.processor_share = used / watch.seconds();
    held.pop_front();
    report.milliseconds_own = co_await milliseconds_until_next();
    co_await rm::sleep_for(200ms);
    ::close(foreign.release());
    report.milliseconds_foreign = co_await milliseconds_until_next();
    group.cancel();
  });
}

/// The process: takes the listener, lowers its limit, and tells what it found.
int starve(rm::fd& listener, const support::kernel_factory& factory, const rm::fd& answer) {
  constexpr int left = 50;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = static_cast<rlim_t>(support::open_descriptors() + left);
  support::checked(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
  shortage_report report;
  const rm::duration starving = fault::is_long() ? rm::duration(10s) : rm::duration(1s);
  rm::run_on(factory.make(), accept_with_few_descriptors(listener, starving, report));
  return ::write(answer.number(), &report, sizeof report) == sizeof report ? 0 : 1;
}

}  // namespace

TEST_CASE("without descriptors accept waits, costs next to nothing, and goes on when there are some") {
  const int before = support::open_descriptors();
  for (const auto& factory : support::all_kernels()) {
    rm::fd listener = support::listening_socket();
    support::ends answer = support::ends::of_pipe();
    fault::other_process server([&] { return starve(listener, factory, answer.right); });
    std::vector<rm::fd> clients;
    for (int i = 0; i < 1'000; ++i) clients.push_back(support::client_of(listener));
    CHECK(server.wait() == 0);
    shortage_report report;
    REQUIRE(::read(answer.left.number(), &report, sizeof report) == sizeof report);
    figure(
        "no descriptor left for 1,000 clients: %d accepted, %.2f %% of a processor meanwhile, the next %.1f ms after a "
        "close, %.1f ms after one that ringmill did not see",
        report.accepted, 100 * report.processor_share, report.milliseconds_own, report.milliseconds_foreign);
    CHECK(report.accepted > 0);
    CHECK(report.accepted <= 50);
    CHECK(report.processor_share < 0.05);
    CHECK(report.milliseconds_own < 100);
    CHECK(report.milliseconds_foreign < (fault::is_sanitized ? 200 : 100));
  }
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("with 8 submission and 16 completion entries nothing is lost, and everyone gets on") {
  constexpr int clients = 200;
  const int rounds = fault::is_long() ? 2'000 : 50;
  const auto body = [&]() -> rm::task<> {
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address where = listener.local();
    std::vector<int> done(clients);
    int slowest_when_first_ended = -1;
    rm::latch connected(clients);
    const auto echo = [](rm::tcp_stream peer) -> rm::task<> {
      std::array<std::byte, 64> buffer;
      while (const std::size_t n = co_await peer.read_some(buffer)) co_await peer.write_all(std::span(buffer).first(n));
    };
    const auto ask = [&](int number) -> rm::task<> {
      rm::tcp_stream stream = co_await rm::tcp_stream::connect(where);
      std::array<std::byte, 1> byte{};
      co_await stream.write_all(byte);
      co_await stream.read_some(byte);
      connected.count_down();
      co_await connected.wait();
      for (int& round = done[static_cast<std::size_t>(number)]; round < rounds; ++round) {
        const auto sent = static_cast<std::byte>(number + round);
        byte[0] = sent;
        co_await stream.write_all(byte);
        const std::size_t n = co_await stream.read_some(byte);
        CHECK(n == 1);
        CHECK(byte[0] == sent);
      }
      if (slowest_when_first_ended < 0) slowest_when_first_ended = *std::min_element(done.begin(), done.end());
    };
    const fault::stopwatch watch;
    rm::nursery server;
    const auto serve = [&]() -> rm::task<> {
      server.start([&]() -> rm::task<> {
        for (;;) server.start(std::ref(echo), co_await listener.accept());
      });
      rm::nursery group;
      const auto all = [&]() -> rm::task<> {
        for (int i = 0; i < clients; ++i) group.start(std::ref(ask), i);
        co_return;
      };
      co_await group.run(all);
      server.cancel();
    };
    co_await rm::with_timeout(300s, server.run(serve));
    const auto& statistics = rm::ring::current().statistics();
    figure(
        "a ring of 8 and 16 entries: %d clients, %.0f round trips a second; %llu of %llu operations waited for an "
        "entry; when the first client had ended, the last had done %d of %d rounds",
        clients, clients * rounds / watch.seconds(), static_cast<unsigned long long>(statistics.waited),
        static_cast<unsigned long long>(statistics.submitted), slowest_when_first_ended, rounds);
    CHECK(std::all_of(done.begin(), done.end(), [&](int each) { return each == rounds; }));
    CHECK(slowest_when_first_ended >= rounds / 2);
    CHECK(statistics.waited > 0);
  };
  support::on_each_kernel(body, rm::ring_options().entries(8).completion_entries(16));
}
