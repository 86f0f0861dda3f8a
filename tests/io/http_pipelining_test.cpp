// A server whose client does not wait for answers: which responses go out together, and what they never wait for.
#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
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

TEST_CASE("pipelining: responses to requests that come together go out in one send") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    std::vector<std::size_t> sends;
    const auto body = [&]() -> rm::task<> {
      http::server server;
      server.route("GET", "/*", path);
      const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
        std::string all;
        for (int i = 0; i < 16; ++i) all += get("/" + std::to_string(i));
        co_await client.write_all(all);
        const std::string text = co_await read_until(client, "/15");
        const std::vector<std::string> answers = bodies(text);
        REQUIRE(answers.size() == 16);
        for (int i = 0; i < 16; ++i) CHECK(answers[i] == "/" + std::to_string(i));
        // The first is what the client has sent.
        REQUIRE(sends.size() == 2);
        CHECK(sends[1] == text.size());
      };
      co_await with_client(server, ask);
    };
    // The simulated network may cut what is sent into pieces, and come with some of them first: not with a small one.
    rm::run_on(std::make_unique<send_counting_kernel>(support::simulated_kernel(seed).make(), sends), body());
  }
}

TEST_CASE("pipelining: a response does not wait for the handler of the request behind it") {
  in_virtual_time([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/slow/*", slow).route("GET", "/*", path);
    const auto ask = [](rm::tcp_stream& client) -> rm::task<> {
      const auto start = rm::loop::current().now();
      co_await client.write_all(get("/1") + get("/2") + get("/slow/3") + get("/4") + get("/slow/5"));
      const std::string first = co_await read_until(client, "/2");
      CHECK(rm::loop::current().now() - start < 1min);
      const std::string second = co_await read_until(client, "/4");
      CHECK(rm::loop::current().now() - start < 61min);
      const std::string third = co_await read_until(client, "/slow/5");
      CHECK(bodies(first + second + third) == std::vector<std::string>{"/1", "/2", "/slow/3", "/4", "/slow/5"});
    };
    co_await with_client(server, ask);
  });
}

TEST_CASE("pipelining: whatever their handlers do, a thousand requests are answered in their order") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server(http::server_options().on_error([](std::exception_ptr, const http::request&) {}));
    server.route("GET", "/at-once/*", path);
    server.route("GET", "/yield/*", [](http::request message) -> rm::task<http::response> {
      for (int i = 0; i < 3; ++i) co_await rm::yield();
      co_return http::response(200, message.target);
    });
    server.route("GET", "/sleep/*", [](http::request message) -> rm::task<http::response> {
      co_await rm::sleep_for(10us);
      co_return http::response(200, message.target);
    });
    server.route("GET", "/throw/*", [](http::request) -> rm::task<http::response> {
      throw std::runtime_error("a fault");
      co_return http::response();
    });
    server.route("GET", "/sleep-and-throw/*", [](http::request) -> rm::task<http::response> {
      co_await rm::sleep_for(10us);
      throw std::runtime_error("a fault");
    });
    server.route("GET", "/large/*", [](http::request message) -> rm::task<http::response> {
      co_return http::response(200, message.target + std::string(20'000, 'x'));
    });
    server.route("POST", "/echo", [](http::request message) -> rm::task<http::response> {
      co_return http::response(200, message.body);
    });
    const auto ask = [](rm::tcp_stream& client) -> rm::task<> {
      const std::string_view kinds[] = {"/at-once/", "/at-once/", "/at-once/", "/yield/",
                                        "/none/",    "/at-once/", "/sleep/",   "/throw/",
                                        "/at-once/", "/large/",   "/echo",     "/sleep-and-throw/"};
      std::string all;
      std::vector<std::string> expected;
      for (std::size_t i = 0; i < 1000; ++i) {
        const std::string kind(kinds[i * 7 % std::size(kinds)]);
        const std::string target = kind + std::to_string(i);
        expected.push_back(target);
        if (kind == "/echo") {
          all += "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(target.size()) + "\r\n\r\n" +
                 target;
        } else {
          all += get(target);
        }
        if (kind == "/none/") expected.back() = "404 Not Found\n";
        if (kind.find("throw") != kind.npos) expected.back() = "500 Internal Server Error\n";
        if (kind == "/large/") expected.back() += std::string(20'000, 'x');
      }
      all += get("/at-once/end", "Connection: close\r\n");
      expected.push_back("/at-once/end");
      rm::task<std::string> reading = read_to_end(client);
      const auto [sent, text] = co_await rm::when_all(client.write_all(all), std::move(reading));
      const std::vector<std::string> answers = bodies(text);
      REQUIRE(answers.size() == expected.size());
      for (std::size_t i = 0; i < answers.size(); ++i) {
        CAPTURE(i);
        CHECK(answers[i] == expected[i]);
      }
    };
    co_await with_client(server, ask);
  });
}

TEST_CASE("pipelining: a request that is refused is answered behind those before it, and none after it") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    int handled = 0;
    http::server server;
    server.route("GET", "/*", [&](http::request message) -> rm::task<http::response> {
      ++handled;
      co_return http::response(200, message.target);
    });
    const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
      co_await client.write_all(get("/1") + get("/2") + "GET /3 HTTP/1.1\r\nHost : a\r\n\r\n" + get("/4"));
      const std::string text = co_await read_to_end(client);
      const std::vector<std::string> answers = bodies(text);
      REQUIRE(answers.size() == 3);
      CHECK(answers[0] == "/1");
      CHECK(answers[1] == "/2");
      CHECK(text.find("HTTP/1.1 400 Bad Request\r\n") > text.find("/2"));
      CHECK(text.find("Connection: close\r\n") > text.find("HTTP/1.1 400"));
      CHECK(handled == 2);
    };
    co_await with_client(server, ask);
  });
}

TEST_CASE("pipelining: behind a request to close nothing is handled, and the client reads all that was answered") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    int handled = 0;
    http::server server;
    server.route("GET", "/close", [&](http::request) -> rm::task<http::response> {
      ++handled;
      http::response answer(200, "bye");
      answer.fields.add("Connection", "close");
      co_return answer;
    });
    server.route("GET", "/*", [&](http::request message) -> rm::task<http::response> {
      ++handled;
      co_return http::response(200, message.target);
    });
    const auto ask = [&](rm::tcp_stream& client) -> rm::task<> {
      co_await client.write_all(get("/1") + get("/close") + get("/2") + get("/3"));
      const std::string text = co_await read_to_end(client);
      CHECK(bodies(text) == std::vector<std::string>{"/1", "bye"});
      CHECK(handled == 2);
    };
    co_await with_client(server, ask);
  });
}

TEST_CASE("pipelining: who asks whether to send a body is told so behind the answers that are due") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/*", path).route("POST", "/", [](http::request message) -> rm::task<http::response> {
      co_return http::response(200, message.body);
    });
    const auto ask = [](rm::tcp_stream& client) -> rm::task<> {
      co_await client.write_all(get("/1") +
                                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
      const std::string invited = co_await read_until(client, "HTTP/1.1 100 Continue\r\n\r\n");
      CHECK(bodies(invited) == std::vector<std::string>{"/1", "HTTP/1.1 100 Continue\r\n\r\n"});
      co_await client.write_all("body" + get("/2"));
      const std::string rest = co_await read_until(client, "/2");
      CHECK(bodies(rest) == std::vector<std::string>{"body", "/2"});
    };
    co_await with_client(server, ask);
  });
}

TEST_CASE("pipelining: half a request holds up no response") {
  in_virtual_time([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/*", path);
    const auto ask = [](rm::tcp_stream& client) -> rm::task<> {
      co_await client.write_all(get("/1") + "GET /2 HT");
      const std::string first = co_await read_until(client, "/1");
      co_await rm::sleep_for(5s);
      co_await client.write_all("TP/1.1\r\nHost: a\r\n\r\n");
      const std::string second = co_await read_until(client, "/2");
      CHECK(bodies(first + second) == std::vector<std::string>{"/1", "/2"});
      // The time for a head counts from its first byte, and is not that of the one before.
      const auto start = rm::loop::current().now();
      co_await client.write_all("GET /3 HTTP/1.1\r\n");
      const std::string late = co_await read_to_end(client);
      CHECK(late.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
      const auto waited = rm::loop::current().now() - start;
      CHECK(waited >= 10s);
      CHECK(waited < 12s);
    };
    co_await with_client(server, ask);
  });
}

TEST_CASE("pipelining: a request that a handler takes by reference stays until its response is given") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server;
    server.route("POST", "/*", [](const http::request& message) -> rm::task<http::response> {
      for (int i = 0; i < 5; ++i) co_await rm::yield();
      co_return http::response(200, message.target + ' ' + std::string(*message.fields.find("x")) + ' ' + message.body);
    });
    server.route("GET", "/*", path);
    const auto ask = [](rm::tcp_stream& client) -> rm::task<> {
      std::string all;
      std::vector<std::string> expected;
      for (int i = 0; i < 50; ++i) {
        const std::string body = "body number " + std::to_string(i);
        all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nX: " + std::string(40, 'x') +
               "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body + get("/by-value");
        expected.push_back("/" + std::to_string(i) + ' ' + std::string(40, 'x') + ' ' + body);
        expected.push_back("/by-value");
      }
      all += get("/end");
      expected.push_back("/end");
      co_await client.write_all(all);
      const std::string text = co_await read_until(client, "/end");
      CHECK(bodies(text) == expected);
    };
    co_await with_client(server, ask);
  });
}

TEST_CASE("pipelining: to keep the connection is said to those of HTTP/1.0 that ask for it, to close it to all") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/*", path);
    const auto ask = [](rm::tcp_stream& client) -> rm::task<> {
      co_await client.write_all(get("/1") + "GET /2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /3 HTTP/1.0\r\n\r\n");
      const std::string text = co_await read_to_end(client);
      CHECK(bodies(text) == std::vector<std::string>{"/1", "/2", "/3"});
      const std::size_t keep = text.find("Connection: keep-alive\r\n");
      const std::size_t close = text.find("Connection: close\r\n");
      CHECK(text.find("/1") < keep);
      CHECK(keep < text.find("/2"));
      CHECK(text.find("/2") < close);
      CHECK(close < text.find("/3"));
    };
    co_await with_client(server, ask);
  });
}

TEST_CASE("pipelining: a response behind one with a date of its own has the date of now") {
  in_virtual_time([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/dated", [](const http::request&) -> rm::task<http::response> {
      http::response answer(200, "/dated");
      answer.fields.add("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
      co_return answer;
    });
    server.route("GET", "/*", path);
    const auto ask = [](rm::tcp_stream& client) -> rm::task<> {
      const auto date_at = [](std::string_view text, std::size_t at) { return text.substr(at, 37); };
      co_await client.write_all(get("/1"));
      const std::string early = co_await read_until(client, "/1");
      co_await rm::sleep_for(30s);
      co_await client.write_all(get("/dated") + get("/2"));
      const std::string late = co_await read_until(client, "/2");
      CHECK(bodies(late) == std::vector<std::string>{"/dated", "/2"});
      const std::size_t own = late.find("Date: ");
      const std::size_t next = late.rfind("Date: ");
      CHECK(date_at(late, own) == "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
      REQUIRE(next > late.find("/dated"));
      REQUIRE(next < late.size());
      CHECK(date_at(late, next).ends_with(" GMT\r\n"));
      CHECK(date_at(late, next) != date_at(early, early.find("Date: ")));
    };
    co_await with_client(server, ask);
  });
}
