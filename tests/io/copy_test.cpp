#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <system_error>

#include <ringmill/io/copy.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/io/testing_stream.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/testing.hpp>
#include <ringmill/runtime/timeout.hpp>
#include <ringmill/runtime/when_all.hpp>

#include "../support/kernels.hpp"
#include "../support/run.hpp"

namespace rm = ringmill;
using rm::testing::connected_streams;
using rm::testing::memory_options;
using rm::testing::memory_stream;
using namespace std::chrono_literals;

namespace {

template <class Stream>
rm::task<> write_whole(Stream& to, std::string text) {
  co_await to.write_all(text);
  to.shutdown_write();
}

/// client - near = proxy = far - server: the proxy copies between `near` and `far`.
class proxied {
 public:
  explicit proxied(const memory_options& options = memory_options()) {
    std::tie(client, near) = connected_streams(options);
    std::tie(far, server) = connected_streams(options);
  }
  memory_stream client, near, far, server;
};

}  // namespace

TEST_CASE("copy gives the number of bytes, whatever the sizes of pieces and buffers, and leaves the target open") {
  const std::string text = "0123456789";
  for (const std::size_t most : {1, 3, 100}) {
    for (const std::size_t buffer : {1, 4, 100}) {
      CAPTURE(most);
      CAPTURE(buffer);
      auto body = [&]() -> rm::task<> {
        proxied ends(memory_options().most_per_read(most).capacity(buffer));
        auto copy = [&]() -> rm::task<> {
          const std::uint64_t count = co_await rm::copy(ends.near, ends.far, rm::copy_options().buffer_size(buffer));
          CHECK(count == text.size());
          co_await ends.far.write_all("!");
          ends.far.shutdown_write();
        };
        const auto all =
            co_await rm::when_all(write_whole(ends.client, text), copy(), rm::read_to_end(ends.server, 100));
        CHECK(std::get<2>(all) == text + "!");
      };
      support::run(body());
    }
  }
}

TEST_CASE("copy_both_ways passes on the end of one direction while the other goes on") {
  auto body = []() -> rm::task<> {
    proxied ends;
    auto talk = [&]() -> rm::task<> {
      co_await write_whole(ends.client, "question");
      const std::string question = co_await rm::read_to_end(ends.server, 100);  // the end has come through
      CHECK(question == "question");
      co_await rm::sleep_for(1h);
      co_await write_whole(ends.server, "a long answer");
      const std::string answer = co_await rm::read_to_end(ends.client, 100);
      CHECK(answer == "a long answer");
    };
    const auto both = co_await rm::when_all(rm::copy_both_ways(ends.near, ends.far), talk());
    CHECK(std::get<0>(both).there == 8);
    CHECK(std::get<0>(both).back == 13);
  };
  support::run(body());
}

TEST_CASE("an error of one direction ends the other, is thrown, and the counts stay") {
  auto body = []() -> rm::task<> {
    proxied ends;
    rm::traffic sent;
    auto talk = [&]() -> rm::task<> {
      co_await ends.client.write_all("abc");
      co_await ends.server.write_all("defgh");
      co_await rm::testing::all_blocked();
      ends.server.fail();
    };
    auto copy = [&]() -> rm::task<> {
      try {
        co_await rm::copy_both_ways(ends.near, ends.far, sent);
        FAIL("one side has failed");
      } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::connection_reset);
      }
    };
    co_await rm::when_all(copy(), talk());
    CHECK(sent.there == 3);
    CHECK(sent.back == 5);
  };
  support::run(body());
}

TEST_CASE("the idle timeout counts from the last byte, in either direction") {
  auto body = []() -> rm::task<> {
    proxied ends;
    rm::traffic sent;
    const rm::time_point start = rm::loop::current().now();
    auto talk = [&]() -> rm::task<> {
      for (int i = 0; i < 5; ++i) {
        co_await rm::sleep_for(8s);
        co_await (i % 2 ? ends.client : ends.server).write_all("x");
      }
    };
    auto copy = [&]() -> rm::task<> {
      const auto options = rm::copy_options().idle_timeout(10s);
      CHECK_THROWS_AS(co_await rm::copy_both_ways(ends.near, ends.far, sent, options), rm::timeout_error);
    };
    co_await rm::when_all(copy(), talk());
    CHECK(rm::loop::current().now() - start == 50s);  // the last byte came after 40
    CHECK(sent.there == 2);
    CHECK(sent.back == 3);
  };
  support::run(body());
}

TEST_CASE("a peer that does not read is idle, too") {
  auto body = []() -> rm::task<> {
    proxied ends(memory_options().capacity(4));
    const rm::time_point start = rm::loop::current().now();
    auto copy = [&]() -> rm::task<> {
      std::uint64_t sent = 0;
      const auto options = rm::copy_options().buffer_size(4).idle_timeout(10s);
      CHECK_THROWS_AS(co_await rm::copy(ends.near, ends.far, sent, options), rm::timeout_error);
      CHECK(sent == 4);
    };
    rm::nursery all;
    co_await all.run([&]() -> rm::task<> {
      all.start([&]() -> rm::task<> { co_await ends.client.write_all("0123456789"); });
      co_await copy();
      all.cancel();
    });
    CHECK(rm::loop::current().now() - start == 10s);
  };
  support::run(body());
}

TEST_CASE("a copy that ends in time is not delayed by its idle timeout, nor is one without any") {
  auto body = []() -> rm::task<> {
    const rm::time_point start = rm::loop::current().now();
    for (const rm::duration limit : {rm::duration(10s), rm::duration::max()}) {
      proxied ends;
      co_await write_whole(ends.client, "abc");
      const std::uint64_t count = co_await rm::copy(ends.near, ends.far, rm::copy_options().idle_timeout(limit));
      CHECK(count == 3);
    }
    CHECK(rm::loop::current().now() == start);
  };
  support::run(body());
}

TEST_CASE("a copy can be cancelled at any moment, and its counts say what went through") {
  for (int turns = 0; turns < 20; ++turns) {
    CAPTURE(turns);
    auto body = [&]() -> rm::task<> {
      proxied ends(memory_options().most_per_read(1));
      rm::traffic sent;
      rm::nursery all;
      co_await all.run([&]() -> rm::task<> {
        all.start([&]() -> rm::task<> {
          co_await ends.client.write_all("0123456789");
          for (;;) co_await rm::yield();
        });
        all.start([&]() -> rm::task<> { co_await rm::copy_both_ways(ends.near, ends.far, sent); });
        for (int i = 0; i < turns; ++i) co_await rm::yield();
        all.cancel();
      });
      CHECK(ends.server.readable() == sent.there);
    };
    support::run(body());
  }
}

TEST_CASE("a buffer of no bytes is refused") {
  auto body = []() -> rm::task<> {
    proxied ends;
    CHECK_THROWS_AS(co_await rm::copy(ends.near, ends.far, rm::copy_options().buffer_size(0)), std::invalid_argument);
  };
  support::run(body());
}

TEST_CASE("over TCP: ten MiB go both ways through a proxy, ends included, and no descriptor stays") {
  const int before = support::open_descriptors();
  support::on_each_kernel([]() -> rm::task<> {
    auto outside = rm::tcp_listener::bind("127.0.0.1", 0);
    auto inside = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address to_proxy = outside.local();
    const rm::address to_server = inside.local();
    auto [client, near] = co_await rm::when_all(rm::tcp_stream::connect(to_proxy), outside.accept());
    auto [far, server] = co_await rm::when_all(rm::tcp_stream::connect(to_server), inside.accept());
    const std::string there(10 << 20, 't');
    const std::string back(5 << 20, 'b');
    const auto options = rm::copy_options().idle_timeout(30s);
    const auto all = co_await rm::when_all(write_whole(client, there), write_whole(server, back),
                                           rm::read_to_end(client, back.size()), rm::read_to_end(server, there.size()),
                                           rm::copy_both_ways(near, far, options));
    CHECK(std::get<2>(all) == back);
    CHECK(std::get<3>(all) == there);
    CHECK(std::get<4>(all).there == there.size());
    CHECK(std::get<4>(all).back == back.size());
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("over TCP: a client that goes without reading its answer ends the proxy with an error, not with a hang") {
  support::on_each_kernel_and_simulated([]() -> rm::task<> {
    auto outside = rm::tcp_listener::bind("127.0.0.1", 0);
    auto inside = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address to_proxy = outside.local();
    const rm::address to_server = inside.local();
    auto [client, near] = co_await rm::when_all(rm::tcp_stream::connect(to_proxy), outside.accept());
    auto [far, server] = co_await rm::when_all(rm::tcp_stream::connect(to_server), inside.accept());
    client = rm::tcp_stream();
    auto send = [](rm::tcp_stream& to) -> rm::task<> {
      try {
        co_await write_whole(to, std::string(50 << 20, 'x'));
      } catch (const std::system_error&) {  // the proxy has closed
      }
    };
    auto proxy = [](rm::tcp_stream one, rm::tcp_stream other, bool& failed) -> rm::task<> {
      try {
        co_await rm::copy_both_ways(one, other);
      } catch (const std::system_error&) {
        failed = true;
      }
    };
    bool failed = false;
    rm::nursery all;
    auto body = [&]() -> rm::task<> {
      all.start(proxy, std::move(near), std::move(far), std::ref(failed));
      co_await send(server);
    };
    co_await rm::with_timeout(20s, all.run(body));
    CHECK(failed);
  });
}
