// The memory of a server's connection: what it keeps of large requests, and what becomes of responses when there is
// none.
#include <doctest/doctest.h>

#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <ringmill/io/http/server.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/failing_memory.hpp"
#include "../support/kernels.hpp"
#include "http_pipelining.hpp"

namespace rm = ringmill;
namespace http = ringmill::http;
using namespace support;

TEST_CASE("pipelining: a lack of memory for one response takes none of those before it with it") {
  seeded_case::not_by_seeds();  // memory fails there as the seed says
  in_virtual_time([]() -> rm::task<> {
    int told = 0;
    http::server server(http::server_options().on_error([&](std::exception_ptr error, const http::request&) {
      ++told;
      CHECK_THROWS_AS(std::rethrow_exception(error), std::bad_alloc);
      failing_memory::left = 0;  // for what is said of it
    }));
    server.route("GET", "/large", [](const http::request&) -> rm::task<http::response> {
      http::response answer(200, std::string(10'000, 'x'));
      failing_memory::is_on = true;
      failing_memory::left = 0;  // to put it behind what is held back
      co_return answer;
    });
    server.route("GET", "/*", path);
    const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
      co_await client.write_all(get("/1") + get("/large") + get("/2"));
      const std::string text = co_await support::read_to_end(client);
      CHECK(bodies(text) == std::vector<std::string>{"/1"});
      CHECK(told == 1);
      CHECK(failing_memory::left == failing_memory::never);
    };
    co_await with_client(server, ask);
    failing_memory::is_on = false;
  });
}

TEST_CASE("http server: the memory of a large request does not stay with its connection") {
  for (const std::string_view first : {"/here", "/by-value", "/nowhere"}) {
    CAPTURE(first);
    in_virtual_time([&]() -> rm::task<> {
      std::vector<std::size_t> of_bodies;
      std::vector<std::size_t> of_fields;
      http::server server;
      const auto by_reference = [&](const http::request& message) -> rm::task<http::response> {
        of_bodies.push_back(message.body.capacity());
        of_fields.push_back(message.fields.capacity());
        co_return http::response(200, "done");
      };
      server.route("POST", "/here", by_reference);
      server.route("POST", "/by-value",
                   [](http::request) -> rm::task<http::response> { co_return http::response(200, "done"); });
      const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
        const std::string_view common = " HTTP/1.1\r\nHost: a\r\nContent-Length: ";
        std::string large = "POST " + std::string(first) + std::string(common) + "1000000\r\n";
        for (int i = 0; i < 6; ++i) large += "X: " + std::string(7000, 'x') + "\r\n";
        co_await client.write_all(large + "\r\n" + std::string(1'000'000, 'x'));
        const std::string end = first == "/nowhere" ? "404 Not Found\n" : "done";
        const std::string answer = co_await read_until(client, end);
        CHECK(bodies(answer) == std::vector<std::string>{end});
        for (int i = 0; i < 2; ++i) {
          co_await client.write_all("POST /here" + std::string(common) + "3\r\n\r\nabc");
          const std::string done = co_await read_until(client, "done");
          CHECK(of_bodies.back() <= 16 * 1024);
          CHECK(of_fields.back() <= 16 * 1024);
        }
        CHECK(of_bodies.size() == (first == "/here" ? 3 : 2));
        if (first == "/here") CHECK(of_bodies.front() >= 1'000'000);
        if (first == "/here") CHECK(of_fields.front() >= 42'000);
      };
      co_await with_client(server, ask);
    });
  }
}
