#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <ringmill/io/detail/buffer_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/connection.hpp"
#include "../support/death.hpp"
#include "../support/kernels.hpp"
#include "../support/text.hpp"

namespace rm = ringmill;
using namespace std::chrono_literals;
using support::connected;
using support::make_connection;
using support::on_each_kernel_and_simulated;

namespace {

std::string text_in(const rm::lease& what) {
  return std::string(reinterpret_cast<const char*>(what.bytes().data()), what.size());
}

std::size_t lent() { return rm::ring::current().buffers().lent(); }

}  // namespace

TEST_CASE("a lease holds what was sent, is empty at the end of the stream, and goes back") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    co_await both.client.write_all("hello");
    {
      const rm::lease got = co_await both.server.read_lease();
      CHECK(text_in(got) == "hello");
      CHECK(lent() == 1);
    }
    CHECK(lent() == 0);
    both.client.shutdown_write();
    const rm::lease end = co_await both.server.read_lease();
    CHECK(end.empty());
    CHECK(lent() == 0);
  });
}

TEST_CASE("more than a buffer holds comes in several leases, in order and with nothing missing") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    rm::ring::current().use_buffers(8, 1000);
    connected both;
    co_await make_connection(both);
    std::string sent;
    for (int i = 0; i < 50'000; ++i) sent += static_cast<char>('a' + i % 26);
    auto send = [&]() -> rm::task<> {
      co_await both.client.write_all(sent);
      both.client.shutdown_write();
    };
    auto receive = [&]() -> rm::task<> {
      std::string got;
      for (;;) {
        const rm::lease part = co_await both.server.read_lease();
        if (part.empty()) break;
        CHECK(part.size() <= 1000);
        got += text_in(part);
      }
      CHECK(got == sent);
    };
    co_await rm::when_all(send(), receive());
    CHECK(lent() == 0);
  });
}

TEST_CASE("when all buffers are lent, a read gets memory of its own") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    rm::ring::current().use_buffers(4, 100);
    connected both;
    co_await make_connection(both);
    co_await both.client.write_all(std::string(2000, 'x'));
    std::vector<rm::lease> kept;
    std::size_t bytes = 0;
    while (bytes < 2000) {
      kept.push_back(co_await both.server.read_lease());
      REQUIRE(!kept.back().empty());
      CHECK(text_in(kept.back()) == std::string(kept.back().size(), 'x'));
      bytes += kept.back().size();
    }
    CHECK(kept.size() == 20);
    CHECK(lent() == 20);
    kept.erase(kept.begin(), kept.begin() + 10);
    CHECK(lent() == 10);
    rm::lease moved = std::move(kept.front());
    kept.clear();
    CHECK(lent() == 1);
    moved = rm::lease();
    CHECK(lent() == 0);
    // They are used again.
    for (int i = 0; i < 20; ++i) {
      co_await both.client.write_all("again");
      const rm::lease got = co_await both.server.read_lease();
      CHECK(text_in(got) == "again");
    }
  });
}

TEST_CASE("a read with a lease that is cancelled takes no bytes, and one that has got some keeps none") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    const auto nothing = co_await rm::move_on_after(1ms, both.server.read_lease());
    CHECK(!nothing);
    co_await both.client.write_all("later");
    const rm::lease got = co_await both.server.read_lease();
    CHECK(text_in(got) == "later");

    // Bytes come at about the time of the cancel: the task gets them, or the next one does.
    for (int turns = 0; turns < 6; ++turns) {
      std::string taken;
      rm::nursery group;
      co_await group.run([&]() -> rm::task<> {
        group.start([&]() -> rm::task<> {
          const rm::lease part = co_await both.server.read_lease();
          taken = text_in(part);
        });
        co_await rm::yield();
        co_await both.client.write_all("raced");
        for (int turn = 0; turn < turns; ++turn) co_await rm::yield();
        group.cancel();
      });
      if (taken.empty()) {
        const rm::lease part = co_await both.server.read_lease();
        taken = text_in(part);
      }
      CHECK(taken == "raced");
    }
    CHECK(lent() == 1);  // `got`
  });
}

TEST_CASE("closing a connection ends the read with a lease that another task awaits") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    connected both;
    co_await make_connection(both);
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start([&]() -> rm::task<> {
        std::error_code error;
        try {
          const rm::lease got = co_await both.server.read_lease();
        } catch (const std::system_error& caught) {
          error = caught.code();
        }
        CHECK(error == std::errc::operation_canceled);
      });
      co_await rm::yield();
      both.server = rm::tcp_stream();
    });
    CHECK(lent() == 0);
  });
}

TEST_CASE("a lease that ends on another loop aborts, before the kernel writes into a buffer that is lent") {
  const auto body = [] {
    const auto first = []() -> rm::task<> {
      connected both;
      co_await make_connection(both);
      co_await both.client.write_all("hello");
      rm::lease got = co_await both.server.read_lease();
      const auto second = [](rm::lease carried) -> rm::task<> {
        connected others;
        co_await make_connection(others);
        co_await others.client.write_all("hello");
        const rm::lease own = co_await others.server.read_lease();
        carried = rm::lease();
      };
      std::thread([&] { rm::run(second(std::move(got))); }).join();
    };
    rm::run(first());
  };
  support::contains(support::death_of(body), "a lease ended on another loop");
}

TEST_CASE("the buffers can be chosen before the first read with a lease, and their number is checked") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    CHECK_THROWS_AS(rm::ring::current().use_buffers(3, 4096), std::invalid_argument);
    CHECK_THROWS_AS(rm::ring::current().use_buffers(8, 0), std::invalid_argument);
    rm::ring::current().use_buffers(2, 64);
    CHECK_THROWS_AS(rm::ring::current().use_buffers(2, 64), std::logic_error);
    co_return;
  });
}
