// A server that is cancelled while its client does not wait for answers: what is still sent, and what is not begun.
#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ringmill/io/http/server.hpp>
#include <ringmill/ringmill.hpp>
#include <ringmill/runtime/inspect.hpp>

#include "../support/kernels.hpp"
#include "../support/text.hpp"
#include "http_pipelining.hpp"

namespace rm = ringmill;
namespace http = ringmill::http;
using namespace std::chrono_literals;
using namespace support;

namespace {

/// Serves until `serving` is cancelled, and runs `body(client)` beside it, with a client that is connected.
rm::task<> serve_until_cancelled(http::server& server, rm::cancel_scope& serving,
                                 std::function<rm::task<>(rm::tcp_stream&)> body) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
  const rm::address where = listener.local();
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start([&]() -> rm::task<> {
      rm::task<> running = server.serve(listener);
      co_await serving.run(std::move(running));
      listener.close();  // the client may be waiting in its queue still
    });
    rm::tcp_stream client = co_await rm::tcp_stream::connect(where);
    rm::task<> running = body(client);
    co_await std::move(running);
  });
  CHECK(server.connections() == 0);
  CHECK(rm::ring::current().in_flight() == 0);
}

/// With a request that nobody read the connection may be reset, behind what was sent.
rm::task<std::string> read_what_comes(rm::tcp_stream& stream) {
  std::string text;
  std::array<char, 65536> buffer;
  try {
    while (const std::size_t n = co_await stream.read_some(std::as_writable_bytes(std::span(buffer)))) {
      text.append(buffer.data(), n);
    }
  } catch (const std::system_error&) {
  }
  co_return text;
}

/// Something is done before there is a task: no cancel keeps it from being begun.
http::server::handler counting(int& handled) {
  return [&handled](http::request&& message) {
    ++handled;
    return path(std::move(message));
  };
}

constexpr int wait_line = __LINE__ + 2;
rm::task<http::response> wait_a_second(http::request) {
  co_await rm::sleep_for(1s);
  co_return http::response(200, "");
}

}  // namespace

TEST_CASE("pipelining: a handler that stops the server takes no response with it, nor its own") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    rm::cancel_scope serving;
    int handled = 0;
    http::server server;
    server.route("GET", "/stop", [&](http::request) -> rm::task<http::response> {
      serving.cancel();
      co_return http::response(200, "stopped");
    });
    server.route("GET", "/*", [&](http::request message) -> rm::task<http::response> {
      ++handled;
      co_return http::response(200, message.target);
    });
    const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
      co_await client.write_all(get("/1") + get("/2") + get("/stop") + get("/3"));
      const std::string text = co_await read_what_comes(client);
      CHECK(bodies(text) == std::vector<std::string>{"/1", "/2", "stopped"});
      CHECK(handled == 2);
    };
    co_await serve_until_cancelled(server, serving, ask);
  });
}

TEST_CASE("pipelining: behind a handler that stops the server nothing is begun, and all is sent at once") {
  using pieces = std::vector<std::string>;
  for (const pieces& answered : {pieces{"/counted/1", "/stop"}, pieces{"/counted/1", "/stop-before-there-is-a-task"},
                                 pieces{"/stop-before-there-is-a-task"}}) {
    CAPTURE(answered.size());
    CAPTURE(answered.back());
    std::vector<std::size_t> sends;
    const auto body = [&]() -> rm::task<> {
      rm::cancel_scope serving;
      int handled = 0;
      http::server server;
      server.route("GET", "/stop", [&](http::request message) -> rm::task<http::response> {
        serving.cancel();
        co_return http::response(200, message.target);
      });
      server.route("GET", "/stop-before-there-is-a-task", [&](http::request&& message) {
        serving.cancel();
        return path(std::move(message));
      });
      server.route("GET", "/counted/*", counting(handled));
      const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
        std::string all;
        for (const std::string& target : answered) all += get(target);
        co_await client.write_all(all + get("/none") + get("/counted/2") + get("/none"));
        const std::string text = co_await read_what_comes(client);
        CHECK(bodies(text) == answered);
        CHECK(handled == static_cast<int>(answered.size()) - 1);
        // The first is what the client has sent.
        REQUIRE(sends.size() == 2);
        CHECK(sends[1] == text.size());
      };
      co_await serve_until_cancelled(server, serving, ask);
    };
    rm::run_on(std::make_unique<send_counting_kernel>(simulated_kernel(1).make(), sends), body());
  }
}

TEST_CASE("pipelining: what arrives as the server is stopped is answered, or not begun") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    const auto body = []() -> rm::task<> {
      rm::cancel_scope serving;
      int handled = 0;
      http::server server;
      server.route("GET", "/*", counting(handled));
      const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
        // The request has been received when the other end hears that it was sent.
        co_await client.write_all(get("/1") + get("/2"));
        serving.cancel();
        const std::string text = co_await read_what_comes(client);
        CHECK(bodies(text).size() == static_cast<std::size_t>(handled));
      };
      co_await serve_until_cancelled(server, serving, ask);
    };
    rm::run_on(simulated_kernel(seed).make(), body());
  }
}

TEST_CASE("pipelining: a response that is on its way when the server is stopped arrives, if its client reads") {
  for (const bool has_suspended : {false, true}) {
    CAPTURE(has_suspended);
    in_virtual_time([&]() -> rm::task<> {
      rm::cancel_scope serving;
      http::server server;
      const std::string large(1'000'000, 'x');
      server.route("GET", "/slow", slow).route("GET", "/large", [&](http::request) -> rm::task<http::response> {
        co_return http::response(200, large);
      });
      const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
        std::string all = get("/large");
        if (has_suspended) all += get("/slow");
        co_await client.write_all(all);
        co_await rm::sleep_for(10s);
        serving.cancel();
        co_await rm::sleep_for(10ms);
        CHECK(server.connections() == 1);
        const std::string text = co_await read_what_comes(client);
        const std::vector<std::string> answers = bodies(text);
        REQUIRE(answers.size() == 1);
        CHECK(answers[0] == large);
      };
      co_await serve_until_cancelled(server, serving, ask);
    });
  }
}

TEST_CASE("pipelining: a server that is stopped waits a second for a client that does not read, and no longer") {
  for (const bool has_suspended : {false, true}) {
    CAPTURE(has_suspended);
    in_virtual_time([&]() -> rm::task<> {
      rm::cancel_scope serving;
      http::server server(http::server_options().write_timeout(24h));
      server.route("GET", "/slow", slow).route("GET", "/large", [](http::request) -> rm::task<http::response> {
        co_return http::response(200, std::string(10'000'000, 'x'));
      });
      const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
        std::string all = get("/large");
        if (has_suspended) all += get("/slow");
        co_await client.write_all(all);
        co_await rm::sleep_for(10s);
        serving.cancel();
        co_await rm::sleep_for(900ms);
        CHECK(server.connections() == 1);
        co_await rm::sleep_for(200ms);
        CHECK(server.connections() == 0);
      };
      co_await serve_until_cancelled(server, serving, ask);
    });
  }
}

TEST_CASE("pipelining: a handler that has ended is not shown as running while the response before it is sent") {
  const auto body = []() -> rm::task<> {
    http::server server;
    server.route("GET", "/short", wait_a_second);
    server.route("GET", "/some", [](http::request) -> rm::task<http::response> {
      co_return http::response(200, std::string(16'000, 'x'));
    });
    const auto ask = [](rm::tcp_stream& client) -> rm::task<> {
      const std::string handler = "http_pipelining_cancel_test.cpp:" + std::to_string(wait_line);
      co_await client.write_all(get("/some") + get("/some") + get("/short"));
      co_await rm::sleep_for(500ms);
      contains(rm::dump_tasks(), handler);
      co_await rm::sleep_for(5s);
      const std::string late = rm::dump_tasks();
      CAPTURE(late);
      CHECK(late.find(handler) == late.npos);
      contains(late, "server_connection::send");
    };
    co_await with_client(server, ask);
  };
  // Less than one of these responses: a peer that does not read takes no more.
  rm::run_on(rm::sim::make_kernel(1, rm::sim::options().stream_capacity(10'000)), body());
}
