#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ringmill/io/http/client.hpp>
#include <ringmill/io/http/server.hpp>
#include <ringmill/ringmill.hpp>

#include "../support/kernels.hpp"
#include "http_peers.hpp"

namespace rm = ringmill;
namespace http = ringmill::http;
using namespace std::chrono_literals;
using support::echo;
using support::hello;
using support::on_each_kernel;
using support::on_each_kernel_and_simulated;
using support::read_to_end;
using support::slow;
using support::url;
using support::with_server;

namespace {

rm::task<rm::tcp_stream> connect(std::uint16_t port) {
  const rm::address where = *rm::address::parse("127.0.0.1", port);
  rm::tcp_stream stream = co_await rm::tcp_stream::connect(where);
  co_return stream;
}

/// What a server answers to these bytes, followed by the end of the stream.
rm::task<std::string> raw(std::uint16_t port, std::string sent) {
  rm::tcp_stream stream = co_await connect(port);
  co_await stream.write_all(sent);
  stream.shutdown_write();
  std::string answer = co_await read_to_end(stream);
  co_return answer;
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("http server: pipelined requests are answered in order, HEAD without a body") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/*", echo).route("POST", "/", echo);
    const auto body = [](std::uint16_t port) -> rm::task<> {
      const std::string answer =
          co_await raw(port,
                       "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET http://a/3?q HTTP/1.1\r\n"
                       "Host: a\r\nConnection: close\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n");
      CHECK(count(answer, "HTTP/1.1 200 OK\r\n") == 4);
      CHECK(count(answer, "Content-Length: 8\r\n") == 1);
      CHECK(count(answer, "GET /1 ") == 1);
      CHECK(count(answer, "HEAD /2 ") == 0);
      CHECK(count(answer, "POST / xy") == 1);
      CHECK(answer.ends_with("Connection: close\r\n\r\nGET http://a/3?q "));
    };
    co_await with_server(server, body);
  });
}

TEST_CASE("http server: the framing of a response is the server's, and all else the handler's") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/own", [](http::request) -> rm::task<http::response> {
      http::response answer(201, "four");
      answer.version_minor = 0;
      answer.reason = "As You Like";
      answer.fields.add("X-First", "1");
      answer.fields.add("content-length", "9");
      answer.fields.add("Transfer-Encoding", "chunked");
      answer.fields.add("CONNECTION", "upgrade");
      answer.fields.add("date", "never");
      answer.fields.add("X-First", "2");
      co_return answer;
    });
    server.route("GET", "/none", [](http::request) -> rm::task<http::response> {
      http::response answer(304, "no body");
      answer.fields.add("Connection", "x, Close");
      co_return answer;
    });
    const auto body = [](std::uint16_t port) -> rm::task<> {
      const std::string answer =
          co_await raw(port, "GET /own HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n");
      const std::string own =
          "HTTP/1.1 201 As You Like\r\nX-First: 1\r\ndate: never\r\nX-First: 2\r\nContent-Length: 4\r\n"
          "\r\nfour";
      CHECK(answer.substr(0, own.size()) == own);
      const std::string rest = answer.substr(std::min(own.size(), answer.size()));
      CHECK(rest.starts_with("HTTP/1.1 304 Not Modified\r\nDate: "));
      CHECK(rest.ends_with(" GMT\r\nConnection: close\r\n\r\n"));
      CHECK(count(rest, "Content-Length") == 0);
    };
    co_await with_server(server, body);
  });
}

TEST_CASE("http server: what it refuses gets the status that says why") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server(http::server_options().max_body(10));
    server.route("GET", "/", hello).route("POST", "/post", echo);
    const std::string host = " HTTP/1.1\r\nHost: a\r\n";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"GET /" + host + "A : b\r\n\r\n", "400 "},
        {"GET / HTTP/1.1\r\n\r\n", "400 "},
        {"POST /post" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
        {"GET /none" + host + "\r\n", "404 "},
        {"PUT /" + host + "\r\n", "405 Method Not Allowed\r\nContent-Type: text/plain\r\nAllow: GET, HEAD\r\n"},
        {"POST /post" + host + "Content-Length: 11\r\n\r\n", "413 "},
        {"GET /" + std::string(9000, 'x') + host, "414 "},
        {"POST /post" + host + "Expect: miracles\r\nContent-Length: 0\r\n\r\n", "417 "},
        {"GET /" + host + "A: " + std::string(9000, 'x') + "\r\n\r\n", "431 "},
        {"BREW /" + host + "\r\n", "501 "},
        {"POST /post" + host + "Transfer-Encoding: gzip\r\n\r\n", "501 "},
        {"GET / HTTP/2.0\r\n\r\n", "505 "},
    };
    const auto body = [&](std::uint16_t port) -> rm::task<> {
      for (const auto& [sent, expected] : cases) {
        CAPTURE(sent);
        const std::string answer = co_await raw(port, sent);
        CHECK(answer.substr(0, expected.size() + 9) == "HTTP/1.1 " + expected);
      }
    };
    co_await with_server(server, body);
  });
}

TEST_CASE("http server: a handler that throws costs one 500, and its error is told") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    std::string told;
    http::server server(http::server_options().on_error([&](std::exception_ptr error, const http::request& about) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& known) {
        told = about.target + ": " + known.what();
      }
    }));
    server.route("GET", "/", hello).route("GET", "/throw", [](http::request) -> rm::task<http::response> {
      co_await rm::yield();
      throw std::runtime_error("a fault");
    });
    server.route("GET", "/unfit", [](http::request) -> rm::task<http::response> {
      http::response answer(200);
      answer.reason = "O\r\nK";
      co_return answer;
    });
    const auto body = [&](std::uint16_t port) -> rm::task<> {
      http::client client;
      const http::response failed = co_await client.get(url(port, "/throw"));
      CHECK(failed.status == 500);
      CHECK(told == "/throw: a fault");
      const http::response unfit = co_await client.get(url(port, "/unfit"));
      CHECK(unfit.status == 500);
      CHECK(told == "/unfit: http: a reason phrase with a control character");
      const http::response fine = co_await client.get(url(port));
      CHECK(fine.status == 200);
      CHECK(client.statistics().connections == 1);
    };
    co_await with_server(server, body);
  });
}

TEST_CASE("http server: a slow head gets 408, a silent connection is closed") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server(http::server_options().head_timeout(5ms).idle_timeout(10ms));
    const auto body = [](std::uint16_t port) -> rm::task<> {
      rm::tcp_stream silent = co_await connect(port);
      rm::tcp_stream halfway = co_await connect(port);
      co_await halfway.write_all("GET / HTTP/1.1\r\nHo");
      const std::string told = co_await read_to_end(halfway);
      CHECK(told.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
      const std::string nothing = co_await read_to_end(silent);
      CHECK(nothing.empty());
    };
    co_await with_server(server, body);
  });
}

TEST_CASE("http server: a client that asks whether to send its body is told to") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server;
    server.route("POST", "/", echo);
    const auto body = [](std::uint16_t port) -> rm::task<> {
      rm::tcp_stream stream = co_await connect(port);
      co_await stream.write_all("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
      std::array<char, 100> buffer;
      const std::size_t n = co_await stream.read_some(std::as_writable_bytes(std::span(buffer)));
      CHECK(std::string(buffer.data(), n) == "HTTP/1.1 100 Continue\r\n\r\n");
      co_await stream.write_all("ok");
      stream.shutdown_write();
      const std::string answer = co_await read_to_end(stream);
      CHECK(answer.ends_with("POST / ok"));
    };
    co_await with_server(server, body);
  });
}

TEST_CASE("http server: at its limit of connections it lets others wait") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server(http::server_options().max_connections(2));
    server.route("GET", "/", hello);
    const auto body = [&](std::uint16_t port) -> rm::task<> {
      rm::tcp_stream first = co_await connect(port);
      rm::tcp_stream second = co_await connect(port);
      http::client hasty(http::client_options().head_timeout(10ms));
      bool late = false;
      try {
        co_await hasty.get(url(port));
      } catch (const http::client_timeout&) {
        late = true;
      }
      CHECK(late);
      CHECK(server.connections() == 2);
      first = rm::tcp_stream();
      http::client patient;
      const http::response served = co_await patient.get(url(port));
      CHECK(served.status == 200);
    };
    co_await with_server(server, body);
  });
}
