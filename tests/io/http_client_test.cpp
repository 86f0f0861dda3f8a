#include <doctest/doctest.h>

#include <array>
#include <functional>
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
using support::slow;
using support::url;
using support::with_server;

namespace {

/// For each connection, the pieces to answer.
using script = std::vector<std::vector<std::string>>;

/// Writes the pieces, each after another read; with none of them stays silent until the peer goes. A client that has
/// had enough, and closes before it has read all, resets the connection.
rm::task<> follow(rm::tcp_stream peer, const std::vector<std::string>& pieces) {
  std::array<std::byte, 65536> buffer;
  try {
    if (pieces.empty()) {
      while (co_await peer.read_some(buffer)) continue;
    }
    for (const std::string& piece : pieces) {
      co_await peer.read_some(buffer);
      co_await peer.write_all(piece);
    }
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::connection_reset && error.code() != std::errc::broken_pipe) throw;
  }
}

/// A server that answers connection number i with answers[i], and closes it then.
rm::task<> scripted(rm::tcp_listener& listener, script answers) {
  for (const auto& pieces : answers) {
    rm::tcp_stream peer = co_await listener.accept();
    co_await follow(std::move(peer), pieces);
  }
}

rm::task<> with_script(script answers, std::function<rm::task<>(std::uint16_t)> body) {
  auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
  rm::nursery both;
  co_await both.run([&]() -> rm::task<> {
    both.start([&]() -> rm::task<> { return scripted(listener, answers); });
    rm::task<> running = body(listener.port());
    co_await std::move(running);
    both.cancel();
  });
}

rm::task<std::error_code> error_of(http::client& client, std::string where) {
  try {
    co_await client.get(where);
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

}  // namespace

TEST_CASE("http: a client gets what a handler gives, over one kept connection") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/hello", hello).route("POST", "/echo/*", echo);
    const auto body = [](std::uint16_t port) -> rm::task<> {
      http::client client;
      for (int i = 0; i < 20; ++i) {
        const http::response answer = co_await client.get(url(port, "/hello?x#fragment"));
        CHECK(answer.status == 200);
        CHECK(answer.body == "hello");
        CHECK(answer.url == url(port, "/hello?x"));
        CHECK(answer.fields.contains("Date"));
      }
      http::request message("POST", "");
      message.body = std::string(100000, 'b');
      const http::response answer = co_await client.send(url(port, "/echo/a%20b"), message);
      CHECK(answer.body == "POST /echo/a%20b " + message.body);
      CHECK(client.statistics().connections == 1);
      CHECK(client.statistics().reused == 20);
    };
    co_await with_server(server, body);
  });
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("http client: requests to a host wait for one of its few connections") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/*", echo);
    const auto body = [&](std::uint16_t port) -> rm::task<> {
      http::client client(http::client_options().connections_per_host(3));
      std::vector<rm::task<http::response>> requests;
      for (int i = 0; i < 50; ++i) requests.push_back(client.get(url(port, "/" + std::to_string(i))));
      const auto answers = co_await rm::when_all(std::move(requests));
      for (int i = 0; i < 50; ++i) CHECK(answers[i].body == "GET /" + std::to_string(i) + ' ');
      CHECK(client.statistics().connections == 3);
      CHECK(server.connections() == 3);
    };
    co_await with_server(server, body);
  });
}

TEST_CASE("http client: a pooled connection that the server closed is replaced, without an error") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const auto body = [](std::uint16_t port) -> rm::task<> {
      http::client client;
      for (int i = 0; i < 2; ++i) {
        const http::response answer = co_await client.get(url(port));
        CHECK(answer.body == "ok");
        co_await rm::sleep_for(5ms);
      }
      CHECK(client.statistics().retries == 1);
      CHECK(client.statistics().connections == 2);
      // A POST might have been carried out: it is not repeated.
      http::request message("POST", "/");
      bool failed = false;
      try {
        co_await client.send(url(port), message);
      } catch (const std::system_error&) {
        failed = true;
      }
      CHECK(failed);
    };
    // Each but the last is closed when its second request has been read.
    const script answers = {{ok, ""}, {ok, ""}, {ok}};
    co_await with_script(answers, body);
  });
}

TEST_CASE("http client: what a server says on an idle connection is nobody's response") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    auto listener = rm::tcp_listener::bind("127.0.0.1", 0);
    const auto serve = [&]() -> rm::task<> {
      std::array<std::byte, 4096> buffer;
      std::vector<rm::tcp_stream> kept;
      // One says something unasked, one is closed, one goes on.
      const std::vector<std::string> all = {"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", "", ok};
      for (const std::string& unasked : all) {
        rm::tcp_stream peer = co_await listener.accept();
        co_await peer.read_some(buffer);
        co_await peer.write_all(ok);
        co_await rm::sleep_for(5ms);
        co_await peer.write_all(unasked);
        if (!unasked.empty()) kept.push_back(std::move(peer));
      }
    };
    rm::nursery both;
    co_await both.run([&]() -> rm::task<> {
      both.start(serve);
      http::client client;
      for (const char* method : {"GET", "GET", "POST"}) {
        const http::request message(method, "/");
        const http::response answer = co_await client.send(url(listener.port()), message);
        CHECK(answer.status == 200);
        co_await rm::sleep_for(20ms);
      }
      CHECK(client.statistics().connections == 3);
      CHECK(client.statistics().reused == 0);
      CHECK(client.statistics().retries == 0);
      both.cancel();
    });
  });
}

TEST_CASE("http client: idle connections are limited in number and in age") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/", hello);
    const auto body = [](std::uint16_t port) -> rm::task<> {
      http::client none(http::client_options().max_idle(0));
      http::client brief(http::client_options().idle_timeout(1ms));
      http::client one(http::client_options().max_idle(1).resolve("a.test", "127.0.0.1"));
      const std::string other = "http://a.test:" + std::to_string(port) + "/";
      for (int i = 0; i < 2; ++i) {
        co_await none.get(url(port));
        co_await brief.get(url(port));
        co_await one.get(url(port));
        co_await one.get(other);
        co_await rm::sleep_for(3ms);
      }
      CHECK(none.statistics().connections == 2);
      CHECK(brief.statistics().connections == 2);
      CHECK(one.statistics().connections == 4);
    };
    co_await with_server(server, body);
  });
}

TEST_CASE("http client: a response that is cut off, malformed or too large is an error with a name") {
  using http::parse_error;
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const std::vector<std::pair<std::string, parse_error>> cases = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", parse_error::truncated},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", parse_error::truncated},
        {"HTTP/1.1 200 OK\r\nContent-", parse_error::truncated},
        {"", parse_error::end_of_stream},
        {"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", parse_error::body_too_large},
        {"HTTP/1.1 200 OK\r\n\r\n" + std::string(101, 'x'), parse_error::body_too_large},
        {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", parse_error::bare_lf},
        {"SSH-2.0-OpenSSH\r\n", parse_error::invalid_start_line},
    };
    script answers;
    for (const auto& [text, error] : cases) answers.push_back({text});
    const auto body = [&](std::uint16_t port) -> rm::task<> {
      http::client client(http::client_options().max_body(100));
      for (const auto& [text, expected] : cases) {
        CAPTURE(text);
        const std::error_code code = co_await error_of(client, url(port));
        CHECK(code == expected);
      }
    };
    co_await with_script(answers, body);
  });
}

TEST_CASE("http client: bytes behind a response are nobody's, and end the connection") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const auto body = [](std::uint16_t port) -> rm::task<> {
      http::client client;
      for (int i = 0; i < 2; ++i) {
        const http::response answer = co_await client.get(url(port));
        CHECK(answer.body == "ok");
      }
      CHECK(client.statistics().reused == 0);
    };
    const script answers = {{ok + "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse"}, {ok}};
    co_await with_script(answers, body);
  });
}

TEST_CASE("http client: what cannot be asked says why") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    using http::client_error;
    http::client client;
    const std::error_code https = co_await error_of(client, "https://example.org/");
    CHECK(https == client_error::unsupported_scheme);
    const std::error_code name = co_await error_of(client, "http://example.org/");
    CHECK(name == client_error::unresolved_host);
    const std::error_code no_url = co_await error_of(client, "/index.html");
    CHECK(no_url == client_error::invalid_url);
    http::request message;
    message.fields.add("Transfer-Encoding", "chunked");
    bool refused = false;
    try {
      co_await client.send("http://localhost/", message);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    CHECK(refused);
  });
}

TEST_CASE("http client: its time limits say which of them was over") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    const auto body = [](std::uint16_t port) -> rm::task<> {
      http::client impatient(http::client_options().head_timeout(5ms));
      http::client hurried(http::client_options().total_timeout(5ms));
      const std::array<http::client*, 2> clients = {&impatient, &hurried};
      for (http::client* client : clients) {
        bool late = false;
        try {
          co_await client->get(url(port));
        } catch (const http::client_timeout& timeout) {
          late = timeout.phase() == (client == &impatient ? http::client_phase::head : http::client_phase::total);
        }
        CHECK(late);
      }
    };
    const script answers = {{}, {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthe", "rest"}};
    co_await with_script(answers, body);
  });
}

TEST_CASE("http client: redirects are shown by default, and followed when asked for") {
  on_each_kernel_and_simulated([]() -> rm::task<> {
    http::server server;
    std::string seen;
    const auto to = [](int status, std::string where) {
      return [status, where](http::request) -> rm::task<http::response> {
        http::response answer(status);
        answer.fields.add("Location", where);
        co_return answer;
      };
    };
    server.route("GET", "/a", to(302, "b?c")).route("GET", "/b", hello).route("GET", "/loop", to(301, "/loop"));
    server.route("POST", "/post303", to(303, "/b"))
        .route("POST", "/post307", to(307, "/echo"))
        .route("POST", "/echo", echo);
    server.route("GET", "/seen", [&seen](http::request message) -> rm::task<http::response> {
      seen = std::string(message.fields.find("authorization").value_or("none"));
      co_return http::response(200);
    });
    const auto body = [&](std::uint16_t port) -> rm::task<> {
      http::client plain;
      const http::response shown = co_await plain.get(url(port, "/a"));
      CHECK(shown.status == 302);
      http::client client(http::client_options().max_redirects(5).resolve("a.test", "127.0.0.1"));
      const http::response followed = co_await client.get(url(port, "/a"));
      CHECK(followed.body == "hello");
      CHECK(followed.url == url(port, "/b?c"));
      const std::error_code loop = co_await error_of(client, url(port, "/loop"));
      CHECK(loop == http::client_error::too_many_redirects);
      http::request message("POST", "");
      message.body = "data";
      const http::response as_get = co_await client.send(url(port, "/post303"), message);
      CHECK(as_get.body == "hello");
      const http::response again = co_await client.send(url(port, "/post307"), message);
      CHECK(again.body == "POST /echo data");
      // Credentials are for the origin that they were given for.
      http::server elsewhere;
      elsewhere.route("GET", "/", to(302, url(port, "/seen")));
      const auto inner = [&](std::uint16_t other_port) -> rm::task<> {
        http::request secret;
        secret.fields.add("Authorization", "Basic abc");
        co_await client.send(url(other_port), secret);
        CHECK(seen == "none");
        co_await client.send(url(port, "/seen"), secret);
        CHECK(seen == "Basic abc");
      };
      co_await with_server(elsewhere, inner);
    };
    co_await with_server(server, body);
  });
}

TEST_CASE("http: cancelling client and server in the middle leaves nothing behind") {
  const int before = support::open_descriptors();
  on_each_kernel([]() -> rm::task<> {
    http::server server;
    server.route("GET", "/slow", slow).route("GET", "/", hello);
    for (int round = 0; round < 10; ++round) {
      const auto body = [&](std::uint16_t port) -> rm::task<> {
        http::client client(http::client_options().connections_per_host(5));
        rm::nursery requests;
        co_await requests.run([&]() -> rm::task<> {
          for (int i = 0; i < 20; ++i) {
            requests.start([&, i]() -> rm::task<> { co_await client.get(url(port, i % 2 ? "/slow" : "/")); });
          }
          co_await rm::sleep_for(std::chrono::microseconds(200 * round));
          requests.cancel();
        });
      };
      co_await with_server(server, body);
      CHECK(rm::ring::current().in_flight() == 0);
    }
  });
  CHECK(support::open_descriptors() == before);
}
