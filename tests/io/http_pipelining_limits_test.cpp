// A server whose client does not wait for answers: what one client can take up, and how it ends.
#include <doctest/doctest.h>

#include <array>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ringmill/io/http/server.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "http_pipelining.hpp"

namespace rm = ringmill;
namespace http = ringmill::http;
using namespace std::chrono_literals;
using namespace support;

TEST_CASE("pipelining: no more than 32 responses, and hardly more than 64 KiB, are held back") {
  for (const std::size_t size : {1, 10'000, 16'000}) {
    CAPTURE(size);
    constexpr std::size_t requests = 200;
    std::vector<std::size_t> sends;
    const auto body = [&]() -> rm::task<> {
      http::server server;
      server.route("GET", "/*", [&](const http::request&) -> rm::task<http::response> {
        co_return http::response(200, std::string(size, 'x'));
      });
      const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
        std::string all;
        for (std::size_t i = 0; i + 1 < requests; ++i) all += get("/");
        all += get("/", "Connection: close\r\n");
        rm::task<std::string> reading = read_to_end(client);
        const auto [sent, text] = co_await rm::when_all(client.write_all(all), std::move(reading));
        CHECK(bodies(text) == std::vector<std::string>(requests, std::string(size, 'x')));
        const std::size_t each = text.size() / requests;
        for (const std::size_t one : std::span(sends).subspan(1)) {
          CHECK(one <= 33 * each);
          CHECK(one < 64 * 1024 + 2 * each);
        }
        CHECK(sends.size() > requests / 33);
      };
      co_await with_client(server, ask);
    };
    rm::run_on(std::make_unique<send_counting_kernel>(simulated_kernel(1).make(), sends), body());
  }
}

TEST_CASE("pipelining: a client that sends requests for ever and reads nothing is not worked for, and is cut off") {
  in_virtual_time([]() -> rm::task<> {
    std::size_t handled = 0;
    http::server server;
    server.route("GET", "/*", [&](http::request) -> rm::task<http::response> {
      ++handled;
      co_return http::response(200, std::string(1000, 'x'));
    });
    const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
      std::string all;
      for (int i = 0; i < 1000; ++i) all += get("/");
      bool was_cut_off = false;
      const auto send_for_ever = [&]() -> rm::task<> {
        try {
          for (;;) co_await client.write_all(all);
        } catch (const std::system_error&) {
          was_cut_off = true;
        }
      };
      rm::nursery sending;
      co_await sending.run([&]() -> rm::task<> {
        sending.start(send_for_ever);
        co_await rm::sleep_for(20s);
        const std::size_t before = handled;
        CHECK(server.connections() == 1);
        co_await rm::sleep_for(20s);
        CHECK(handled == before);
        co_await rm::sleep_for(21s);
        CHECK(handled == before);
        CHECK(server.connections() == 0);
        CHECK(was_cut_off);
      });
    };
    co_await with_client(server, ask);
  });
}

TEST_CASE("pipelining: a client that sends requests for ever leaves others their turn") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    std::size_t greedy = 0;
    rm::event has_begun;
    http::server server;
    server.route("GET", "/greedy", [&](http::request) -> rm::task<http::response> {
      ++greedy;
      has_begun.set();
      co_return http::response(200, "");
    });
    std::size_t seen = 0;
    server.route("GET", "/modest", [&](http::request) -> rm::task<http::response> {
      seen = greedy;
      co_return http::response(200, "here");
    });
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const rm::address where = listener.local();
    std::string all;
    for (int i = 0; i < 20'000; ++i) all += get("/greedy");
    const auto send_much = [&]() -> rm::task<> {
      rm::tcp_stream client = co_await rm::tcp_stream::connect(where);
      const auto read_all = [&]() -> rm::task<> {
        std::array<std::byte, 65536> buffer;
        while (co_await client.read_some(buffer) > 0) continue;
      };
      rm::task<> reading = read_all();
      try {
        co_await rm::when_all(client.write_all(all), std::move(reading));
      } catch (const std::system_error& error) {
        // At the end both are cancelled, and the server may be gone first.
        if (error.code() != std::errc::connection_reset && error.code() != std::errc::broken_pipe) throw;
      }
    };
    rm::nursery group;
    co_await group.run([&]() -> rm::task<> {
      group.start([&]() -> rm::task<> { return server.serve(listener); });
      group.start(send_much);
      co_await has_begun.wait();  // not connected yet: that may take longer than a server keeps an idle connection
      rm::tcp_stream client = co_await rm::tcp_stream::connect(where);
      std::size_t most = 0;
      for (int i = 0; i < 5; ++i) {
        const std::size_t before = greedy;
        co_await client.write_all(get("/modest"));
        const std::string text = co_await read_until(client, "here");
        most = std::max(most, seen - before);
      }
      CHECK(most < 2000);
      CHECK(greedy < 20'000);
      group.cancel();
    });
  });
}

TEST_CASE("pipelining: a server that is stopped while a handler runs behind a response ends both") {
  in_virtual_time([]() -> rm::task<> {
    http::server server(http::server_options().write_timeout(24h));
    server.route("GET", "/slow", slow).route("GET", "/large", [](http::request) -> rm::task<http::response> {
      co_return http::response(200, std::string(10'000'000, 'x'));
    });
    server.route("GET", "/*", path);
    for (const std::string_view first : {"/1", "/large"}) {
      const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
        co_await client.write_all(get(first) + get("/slow"));
        co_await rm::sleep_for(5min);
        CHECK(server.connections() == 1);
      };
      co_await with_client(server, ask);
      CHECK(rm::ring::current().in_flight() == 0);
    }
  });
}

TEST_CASE("pipelining: a handler runs to its end although the peer of the response before it has gone") {
  in_virtual_time([]() -> rm::task<> {
    bool has_ended = false;
    http::server server(http::server_options().write_timeout(1min));
    // As much as may be held back, and more than the peer takes without reading.
    server.route("GET", "/some", [](http::request) -> rm::task<http::response> {
      co_return http::response(200, std::string(16'000, 'x'));
    });
    server.route("GET", "/slow", [&](http::request) -> rm::task<http::response> {
      co_await rm::sleep_for(1h);
      has_ended = true;
      co_return http::response(200, "");
    });
    const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
      std::string all;
      for (int i = 0; i < 3; ++i) all += get("/some");
      co_await client.write_all(all + get("/slow") + get("/some"));
      client.close();
      co_await rm::sleep_for(30min);
      CHECK(server.connections() == 1);
      CHECK_FALSE(has_ended);
      co_await rm::sleep_for(40min);
      CHECK(has_ended);
      CHECK(server.connections() == 0);
    };
    co_await with_client(server, ask);
  });
}

TEST_CASE("pipelining: an on_error that throws takes no response with it") {
  in_virtual_time([]() -> rm::task<> {
    int told = 0;
    http::server server(http::server_options().on_error([&](std::exception_ptr, const http::request& about) {
      ++told;
      CHECK(about.method == "GET");
      CHECK(about.target == "/throw");
      throw std::runtime_error("a fault of on_error");
    }));
    server.route("GET", "/throw", [](http::request) -> rm::task<http::response> {
      throw std::runtime_error("a fault");
      co_return http::response();
    });
    server.route("GET", "/*", path);
    const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
      co_await client.write_all(get("/1") + get("/throw") + get("/2"));
      const std::string text = co_await read_until(client, "/2");
      CHECK(bodies(text) == std::vector<std::string>{"/1", "500 Internal Server Error\n", "/2"});
      CHECK(told == 1);
      const http::response given = co_await server.answer(http::request("GET", "/throw"));
      CHECK(given.status == 500);
      CHECK(told == 2);
    };
    co_await with_client(server, ask);
  });
}
